import type { ExperimentConfig } from '../config/experiment-schema.js';
import type { Shape } from '../engine/engine.js';
import { ConfigError } from '../errors.js';
import type { Layer } from '../relay/layer.js';
import type { AnyLayerPlan } from './layers/layer-plan.js';
import type { LayerEntry, LayerRuntime, Place } from './layers/layer-type.js';
import { FREE, within } from './layers/learning.js';
import { type LayerPlan, layerType } from './layers/table.js';
import { flatten, type NetworkPlan } from './network-plan.js';

type Path = readonly (string | number)[];

/**
 * Plans the trunk and the heads of a config: shapes, names, parameters, multiply-adds. Builds no tensors.
 *
 * @throws ConfigError with the key path where sizes do not fit or names collide.
 */
export function planNetwork(
  config: Pick<ExperimentConfig, 'model' | 'losses' | 'data'>,
): NetworkPlan {
  const { model, losses, data } = config;
  let shape: Shape = model.input;
  const classes = data.classes;
  const segments = model.segments.map((segment, i) => {
    const path = ['model', 'segments', i, 'layers'];
    const name = namer((type, n) => `${type}${i + 1}_${n}`, '');
    const layers = planLayers(segment.layers, {
      input: shape,
      classes,
      name,
      ...within(FREE, segment),
      path,
    });
    shape = layers.at(-1)!.output;
    return { name: segment.name, layers };
  });
  const places = segments.flatMap(({ name, layers }) => [
    { name, output: layers.at(-1)!.output },
    ...layers,
  ]);
  const heads = losses.map((loss, i) => {
    const tap = places.find(({ name }) => name === loss.after);
    if (!tap) {
      throw new ConfigError(
        `"${loss.after}" is neither a segment nor a layer of the trunk`,
        `one of: ${places.map(({ name }) => name).join(', ')}`,
        ['losses', i, 'after'],
      );
    }
    const path = ['losses', i, 'head'];
    const prefix = `${loss.name}.`;
    const name = namer((type, n) => `${prefix}${type}${n}`, prefix);
    const layers = planLayers(loss.head, { input: tap.output, classes, name, ...FREE, path });
    checkLogits(layers, classes, path);
    return { loss: loss.name, layers };
  });
  checkNames(segments, heads);
  return { input: model.input, classes, segments, heads };
}

/** A layer that can run. */
export function buildLayer(
  plan: AnyLayerPlan,
  runtime: Omit<LayerRuntime, 'layer' | 'again'>,
): Layer {
  const passes = (again: boolean): LayerRuntime => {
    const within: LayerRuntime = {
      ...runtime,
      again,
      layer: (inner) => ({
        name: inner.name,
        forward: (x) => layerType(inner).forward(inner, x, within),
      }),
    };
    return within;
  };
  const [first, repeated] = [passes(false), passes(true)];
  return {
    name: plan.name,
    forward: (x, again = false) => layerType(plan).forward(plan, x, again ? repeated : first),
  };
}

type Namer = Place['name'];

/** Numbers layers by type; an explicit name is used as it is, after the prefix. */
function namer(automatic: (type: string, n: number) => string, prefix: string): Namer {
  const counts = new Map<string, number>();
  return (type, given) => {
    const n = (counts.get(type) ?? 0) + 1;
    counts.set(type, n);
    return given === undefined ? automatic(type, n) : prefix + given;
  };
}

interface Site extends Pick<Place, 'input' | 'classes' | 'name' | 'frozen' | 'lrFactor' | 'path'> {}

function planLayers(entries: readonly LayerEntry[], site: Site): LayerPlan[] {
  const layers: AnyLayerPlan[] = [];
  entries.forEach((entry, i) => {
    const [type, spec] = Object.entries(entry).find(([, value]) => value !== undefined)!;
    const planned = layerType({ type }).plan(spec, {
      ...site,
      input: layers.at(-1)?.output ?? site.input,
      path: [...site.path, i, type],
      inside: (prefix, inner, at) =>
        planLayers(inner, {
          ...at,
          classes: site.classes,
          name: namer((kind, n) => `${prefix}.${kind}${n}`, `${prefix}.`),
        }),
    });
    layers.push(...[planned].flat());
  });
  return layers as LayerPlan[];
}

function checkLogits(layers: readonly LayerPlan[], classes: number, path: Path): void {
  const { name, output } = layers.at(-1)!;
  if (output.length !== 1 || output[0] !== classes) {
    throw new ConfigError(
      `the head ends with ${name} of shape [${output.join(', ')}]; it must give ${classes} logits, one per class (data.classes)`,
      'end it with fc: {units: classes}',
      path,
    );
  }
}

/** Names of segments, layers and losses are all distinct: ranges, taps, signals and checkpoints go by name. */
function checkNames(segments: NetworkPlan['segments'], heads: NetworkPlan['heads']): void {
  const seen = new Map<string, string>();
  const add = (name: string, what: string, path: Path): void => {
    const other = seen.get(name);
    if (other) {
      throw new ConfigError(
        `the name "${name}" is used twice, for ${other} and for ${what}`,
        'segments, layers and losses need distinct names',
        path,
      );
    }
    seen.set(name, what);
  };
  segments.forEach(({ name, layers }, i) => {
    add(name, 'a segment', ['model', 'segments', i]);
    for (const layer of layers.flatMap(flatten)) {
      add(layer.name, 'a layer', ['model', 'segments', i, 'layers']);
    }
  });
  heads.forEach(({ loss, layers }, i) => {
    add(loss, 'a loss', ['losses', i]);
    for (const layer of layers.flatMap(flatten)) {
      add(layer.name, 'a layer', ['losses', i, 'head']);
    }
  });
}
