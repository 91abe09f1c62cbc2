import { CheckpointError } from '../errors.js';
import { type LayerPlan, type Shape, volume } from '../model/plan.js';
import type { NamedTensor } from '../safetensors.js';
import { layersOf, NAMINGS, type Naming } from './naming.js';
import type { Source } from './weight-file.js';

export type ChannelOrder = 'rgb' | 'bgr';

export interface Conversion {
  /** As in a checkpoint. */
  readonly weights: Map<string, NamedTensor>;
  /** How the file names its layers. */
  readonly naming: string;
  /** Layer of the config and of the file, in order. */
  readonly pairs: readonly (readonly [string, string])[];
  /** Tensors of the file that were not used. */
  readonly unused: readonly string[];
}

/** What arrives at a layer. */
interface Arrival {
  /** The maps `[height, width, channels]` that a vector was flattened and joined from; of a map, the map itself. */
  parts: readonly Shape[];
  /** Its channels are still the image's. */
  image: boolean;
}

/** A layer with parameters, and what arrives at it. */
interface Site extends Arrival {
  layer: LayerPlan;
}

/**
 * Weights of another program as relaybp's.
 *
 * Convolutions `[out, in, height, width]` become `[height, width, in, out]`, fully connected weights `[out, in]`
 * become `[in, out]`, their rows reordered from channel-first maps to relaybp's row-major ones: where spatial
 * pyramid pooling precedes, level by level. With `bgr` the first convolution's input channels are turned round.
 *
 * @param chain trunk and primary head
 * @throws CheckpointError if layers or shapes do not fit
 */
export function convert(
  source: Source,
  label: string,
  chain: readonly LayerPlan[],
  order: ChannelOrder,
): Conversion {
  const sites: Site[] = [];
  const input = chain[0]!.input;
  visit(chain, { parts: [input], image: true }, sites);
  const own = ownNames(source, sites);
  if (own) return own;
  const { naming, layers } = namedLayers(source, label);
  checkCount(sites, layers, naming, label);
  const weights = new Map<string, NamedTensor>();
  const used = new Set<string>();
  for (const [i, site] of sites.entries()) {
    const theirs = layers[i]!;
    for (const parameter of site.layer.parameters) {
      const suffix = parameter.name.slice(site.layer.name.length);
      const name = theirs + suffix;
      const tensor = source.tensors.get(name);
      if (!tensor) throw missing(label, name, parameter.name, source);
      used.add(name);
      weights.set(
        parameter.name,
        converted(tensor, name, site, suffix, parameter.shape, order, label),
      );
    }
    const bias = `${theirs}.bias`;
    if (source.tensors.has(bias) && !used.has(bias)) {
      throw new CheckpointError(
        `${label}: ${theirs} has a bias, ${site.layer.name} has none`,
        'set bias: true on that layer of the config',
      );
    }
  }
  return {
    weights,
    naming: naming.name,
    pairs: sites.map(({ layer }, i) => [layer.name, layers[i]!] as const),
    unused: [...source.tensors.keys()].filter((name) => !used.has(name)),
  };
}

/** A file of relaybp's own: names and layouts are those of the config. */
function ownNames({ tensors }: Source, sites: readonly Site[]): Conversion | null {
  const parameters = sites.flatMap(({ layer }) => layer.parameters);
  const fits = parameters.every(
    ({ name, shape }) => tensors.get(name)?.shape.join() === shape.join(),
  );
  if (!fits || parameters.length === 0) return null;
  const weights = new Map(parameters.map(({ name }) => [name, tensors.get(name)!]));
  return {
    weights,
    naming: 'relaybp',
    pairs: sites.map(({ layer }) => [layer.name, layer.name] as const),
    unused: [...tensors.keys()].filter((name) => !weights.has(name)),
  };
}

/** Collects layers with parameters in the order in which they run. @returns what leaves the chain */
function visit(chain: readonly LayerPlan[], arriving: Arrival, sites: Site[]): Arrival {
  let at = arriving;
  for (const layer of chain) at = visitLayer(layer, at, sites);
  return at;
}

function visitLayer(layer: LayerPlan, at: Arrival, sites: Site[]): Arrival {
  if (layer.parameters.length > 0) sites.push({ layer, ...at });
  const map = layer.output.length === 3;
  switch (layer.type) {
    case 'conv':
      return { parts: [layer.output], image: false };
    case 'fc':
      return { parts: [[1, 1, ...layer.output]], image: false };
    case 'spp': {
      const channels = layer.input.at(-1)!;
      return { ...at, parts: layer.levels.map(({ bins }) => [bins, bins, channels]) };
    }
    case 'branches': {
      const ends = layer.paths.map((path) => visit(path, at, sites));
      return { parts: map ? [layer.output] : ends.flatMap(({ parts }) => parts), image: false };
    }
    case 'residual': {
      const body = visit(layer.body, at, sites);
      visit(layer.shortcut, at, sites);
      return { parts: map ? [layer.output] : body.parts, image: false };
    }
    default:
      return { parts: map ? [layer.output] : at.parts, image: at.image };
  }
}

function namedLayers(source: Source, label: string): { naming: Naming; layers: string[] } {
  for (const naming of NAMINGS) {
    const layers = naming.layers(source);
    if (layers) return { naming, layers };
  }
  const some = [...source.tensors.keys()].slice(0, 5).join(', ') || 'nothing';
  throw new CheckpointError(
    `${label}: its names are neither the config's own nor those of VGG, ResNet or Inception-v3 in torchvision and timm; it has ${some}, …`,
    'rename the tensors to the names that relaybp plan --json gives',
  );
}

function checkCount(
  sites: readonly Site[],
  layers: readonly string[],
  naming: Naming,
  label: string,
): void {
  if (sites.length === layers.length) return;
  const rest =
    sites.length > layers.length
      ? `the config goes on with ${sites[layers.length]!.layer.name}`
      : `the file goes on with ${layers[sites.length]}`;
  throw new CheckpointError(
    `${label} (${naming.name}): ${layers.length} layers with weights, but the config's network has ${sites.length}; after the ${Math.min(sites.length, layers.length)} that both have, ${rest}`,
    'give the config of the very network that the file was trained as',
  );
}

function missing(label: string, name: string, ours: string, source: Source): CheckpointError {
  const layer = name.slice(0, name.lastIndexOf('.'));
  const known = layersOf(source).includes(layer);
  return new CheckpointError(
    `${label}: no ${name}, which would become ${ours}`,
    known && name.endsWith('.bias')
      ? 'set bias: false on that layer of the config'
      : 'give the config of the very network that the file was trained as',
  );
}

function converted(
  tensor: NamedTensor,
  name: string,
  site: Site,
  suffix: string,
  shape: Shape,
  order: ChannelOrder,
  label: string,
): NamedTensor {
  const { layer, parts, image } = site;
  const turned = image && order === 'bgr';
  const fail = (wanted: Shape): never => {
    throw new CheckpointError(
      `${label}: ${name} is [${tensor.shape.join(', ')}], but ${layer.name} needs [${wanted.join(', ')}]`,
      'give the config of the very network that the file was trained as',
    );
  };
  if (suffix === '.weight' && layer.type === 'conv') {
    const [height, width, inputs, outputs] = shape as [number, number, number, number];
    const theirs = [outputs, inputs, height, width];
    if (tensor.shape.join() !== theirs.join()) fail(theirs);
    return { shape, values: filters(tensor.values, [outputs, inputs, height * width], turned) };
  }
  if (suffix === '.weight' && layer.type === 'fc') {
    const [inputs, outputs] = shape as [number, number];
    // timm writes VGG's fully connected layers as convolutions: the same values in the same order.
    if (tensor.shape[0] !== outputs || volume(tensor.shape) !== inputs * outputs) {
      fail([outputs, inputs]);
    }
    return { shape, values: rows(tensor.values, channelFirstRows(parts, turned), outputs) };
  }
  if (tensor.values.length !== volume(shape)) fail(shape);
  if (layer.type !== 'batchnorm') return { shape, values: tensor.values };
  const source = channelFirstRows(layer.input.length === 3 ? [[1, 1, shape[0]!]] : parts, turned);
  return { shape, values: Float32Array.from(source, (row) => tensor.values[row]!) };
}

/** `[out, in, positions]` → `[positions, in, out]` */
function filters(
  values: Float32Array,
  [outputs, inputs, positions]: readonly [number, number, number],
  turned: boolean,
): Float32Array {
  const result = new Float32Array(values.length);
  let from = 0;
  for (let o = 0; o < outputs; o++) {
    for (let i = 0; i < inputs; i++) {
      const input = turned ? inputs - 1 - i : i;
      for (let p = 0; p < positions; p++) {
        result[(p * inputs + input) * outputs + o] = values[from++]!;
      }
    }
  }
  return result;
}

/** For each of relaybp's rows (part by part: row, column, channel) the row in channel-first order. */
function channelFirstRows(parts: readonly Shape[], turned: boolean): Int32Array {
  const order = new Int32Array(parts.reduce((sum, part) => sum + volume(part), 0));
  let [at, begin] = [0, 0];
  for (const [height, width, channels] of parts as readonly [number, number, number][]) {
    const positions = height * width;
    for (let p = 0; p < positions; p++) {
      for (let c = 0; c < channels; c++) {
        order[at++] = begin + (turned ? channels - 1 - c : c) * positions + p;
      }
    }
    begin += positions * channels;
  }
  return order;
}

/** `[out, in]` → `[in, out]`, row i taken from the input `source[i]`. */
function rows(values: Float32Array, source: Int32Array, outputs: number): Float32Array {
  const inputs = source.length;
  const result = new Float32Array(values.length);
  for (let i = 0; i < inputs; i++) {
    const from = source[i]!;
    for (let o = 0; o < outputs; o++) result[i * outputs + o] = values[o * inputs + from]!;
  }
  return result;
}
