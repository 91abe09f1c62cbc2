import { CheckpointError } from '../errors.js';
import { type AnyLayerPlan, type ParameterPlan, volume } from '../model/layers/layer-plan.js';
import { layerType } from '../model/layers/table.js';
import { type Arrival, leavingInOrder } from '../model/layers/weight-layout.js';
import type { NamedTensor } from '../safetensors.js';
import type { ChannelOrder } from './channel-order.js';
import { layersOf, NAMINGS, type Naming } from './naming.js';
import type { WeightFile } from './weight-file.js';

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

/** A layer with parameters, and what arrives at it. */
interface Site {
  layer: AnyLayerPlan;
  arriving: Arrival;
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
  source: WeightFile,
  label: string,
  chain: readonly AnyLayerPlan[],
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
      weights.set(parameter.name, converted(tensor, `${label}: ${name}`, site, parameter, order));
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
function ownNames({ tensors }: WeightFile, sites: readonly Site[]): Conversion | null {
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
function visit(chain: readonly AnyLayerPlan[], arriving: Arrival, sites: Site[]): Arrival {
  let at = arriving;
  for (const layer of chain) {
    if (layer.parameters.length > 0) sites.push({ layer, arriving: at });
    const { leaving = leavingInOrder } = layerType(layer);
    at = leaving(layer, at, (path, arriving) => visit(path, arriving, sites));
  }
  return at;
}

function namedLayers(source: WeightFile, label: string): { naming: Naming; layers: string[] } {
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

function missing(label: string, name: string, ours: string, source: WeightFile): CheckpointError {
  const layer = name.slice(0, name.lastIndexOf('.'));
  const known = layersOf(source).includes(layer);
  return new CheckpointError(
    `${label}: no ${name}, which would become ${ours}`,
    known && name.endsWith('.bias')
      ? 'set bias: false on that layer of the config'
      : 'give the config of the very network that the file was trained as',
  );
}

/** @param what names the tensor in messages */
function converted(
  tensor: NamedTensor,
  what: string,
  { layer, arriving }: Site,
  { name, shape }: ParameterPlan,
  order: ChannelOrder,
): NamedTensor {
  const layout = layerType(layer).layout?.(layer, name);
  const wanted = layout?.shape ?? shape;
  const fits = layout
    ? (layout.fits?.(tensor.shape) ?? tensor.shape.join() === wanted.join())
    : tensor.values.length === volume(shape);
  if (!fits) {
    throw new CheckpointError(
      `${what} is [${tensor.shape.join(', ')}], but ${layer.name} needs [${wanted.join(', ')}]`,
      'give the config of the very network that the file was trained as',
    );
  }
  const turned = arriving.image && order === 'bgr';
  return { shape, values: layout?.convert(tensor.values, arriving, turned) ?? tensor.values };
}
