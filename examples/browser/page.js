import { loadClassifier } from './classifier.js';

const SHOWN = 5;
const element = (id) => document.getElementById(id);
const [drop, file, error] = ['drop', 'file', 'error'].map(element);
const url = new URLSearchParams(location.search).get('model') ?? 'model/model.json';
const percent = new Intl.NumberFormat('en', {
  style: 'percent',
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});

let classifier;
try {
  classifier = await loadClassifier(url);
  const { name, classes } = classifier.about;
  element('about').textContent =
    `${name} tells ${classes.length} classes apart. Your image stays on this computer.`;
  file.disabled = false;
} catch (reason) {
  element('about').textContent = '';
  error.textContent = `No network: ${reason.message}. Export one first: relaybp export --format tfjs --out examples/browser/model`;
}

file.addEventListener('change', () => show(file.files[0]));
for (const type of ['dragover', 'dragleave', 'drop']) {
  drop.addEventListener(type, (event) => {
    event.preventDefault();
    drop.classList.toggle('over', type === 'dragover');
    if (type === 'drop') show(event.dataTransfer.files[0]);
  });
}

async function show(chosen) {
  if (!chosen || !classifier) return;
  error.textContent = '';
  try {
    const image = await createImageBitmap(chosen, { imageOrientation: 'from-image' });
    const start = performance.now();
    const found = await classifier.classify(image);
    image.close();
    const milliseconds = Math.round(performance.now() - start);
    element('summary').textContent =
      `${chosen.name}: ${found[0].name}, ${percent.format(found[0].probability)} (${milliseconds} ms)`;
    element('classes').replaceChildren(...found.slice(0, SHOWN).map(row));
    const picture = element('image');
    URL.revokeObjectURL(picture.src);
    picture.src = URL.createObjectURL(chosen);
    element('result').hidden = false;
  } catch (reason) {
    error.textContent = `${chosen.name} is no image that this browser can read (${reason.message})`;
  }
}

function row({ name, probability }) {
  const line = document.createElement('tr');
  const header = document.createElement('th');
  header.scope = 'row';
  header.textContent = name;
  const bar = document.createElement('div');
  bar.className = 'bar';
  const length = document.createElement('i');
  length.style.width = `${100 * probability}%`;
  const value = document.createElement('span');
  value.textContent = percent.format(probability);
  bar.append(length, value);
  const cell = document.createElement('td');
  cell.append(bar);
  line.append(header, cell);
  return line;
}
