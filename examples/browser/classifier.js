// A network exported by `relaybp export --format tfjs`, and what it says of images. Needs the global `tf` of
// tfjs-core, tfjs-converter and tfjs-backend-wasm.

const WASM = 'node_modules/@tensorflow/tfjs-backend-wasm/dist/';

/** Loads `model.json` and its shards. */
export async function loadClassifier(url) {
  tf.wasm.setWasmPaths(new URL(WASM, document.baseURI).href);
  await tf.setBackend('wasm');
  await tf.ready();
  const model = await tf.loadGraphModel(url);
  const about = model.metadata?.relaybp;
  if (about?.formatVersion !== 1) {
    throw new Error(`${url} was not exported by a relaybp that this page knows`);
  }
  return { about, classify: (image) => classify(model, about, image) };
}

/**
 * The probability of every class.
 *
 * @param image an `ImageBitmap` or anything else that a canvas draws
 * @returns `[{name, probability}]`, the best first
 */
async function classify(model, about, image) {
  const pixels = centreCrop(image, about.preprocessing);
  const { width, height } = pixels;
  const rgb = new Float32Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) rgb[3 * i + c] = pixels.data[4 * i + c];
  }
  const input = tf.tensor4d(rgb, [1, height, width, 3]);
  const output = model.execute(input, 'probabilities');
  try {
    const probabilities = await output.data();
    return about.classes
      .map((name, i) => ({ name, probability: probabilities[i] }))
      .sort((a, b) => b.probability - a.probability);
  } finally {
    tf.dispose([input, output]);
  }
}

/** The image with its shorter side resized, its centre cut out, on white. */
function centreCrop(image, { resize, crop }) {
  const scale = resize.shorterSide / Math.min(image.width, image.height);
  const [width, height] = [image.width, image.height].map((side) => Math.round(side * scale));
  const canvas = new OffscreenCanvas(crop.width, crop.height);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.fillStyle = 'white';
  context.fillRect(0, 0, crop.width, crop.height);
  context.imageSmoothingQuality = 'high';
  const left = -Math.floor((width - crop.width) / 2);
  const top = -Math.floor((height - crop.height) / 2);
  context.drawImage(image, left, top, width, height);
  return context.getImageData(0, 0, crop.width, crop.height);
}
