import type { ConvSpec, LayerSpec } from '../config/layers.js';
import type { ExperimentConfig } from '../config/schema.js';
import { ConfigError } from '../errors.js';
import type { Layer } from '../relay/layer.js';
import type { Place, Runtime } from './layer-type.js';
import { batchnorm } from './layers/batchnorm.js';
import { branches } from './layers/branches.js';
import { conv } from './layers/conv.js';
import { dropout } from './layers/dropout.js';
import { fc } from './layers/fc.js';
import { lrn } from './layers/lrn.js';
import { avgpool, maxpool } from './layers/pool.js';
import { relu } from './layers/relu.js';
import { residual } from './layers/residual.js';
import { spp } from './layers/spp.js';
import { flatten, type LayerPlan, type NetworkPlan, type Shape } from './plan.js';

type Path = readonly (string | number)[];

/** Every layer type, by its name in plans. */
const types = {
  conv,
  maxpool,
  avgpool,
  fc,
  dropout,
  relu,
  spp,
  batchnorm,
  lrn,
  branches,
  residual,
};

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
      shape,
      classes,
      name,
      frozen: segment.frozen,
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
    const layers = planLayers(loss.head, { shape: tap.output, classes, name, frozen: false, path });
    checkLogits(layers, classes, path);
    return { loss: loss.name, layers };
  });
  checkNames(segments, heads);
  return { input: model.input, classes, segments, heads };
}

/** A layer that can run. */
export function buildLayer(plan: LayerPlan, runtime: Omit<Runtime, 'layer' | 'again'>): Layer {
  const passes = (again: boolean): Runtime => {
    const within: Runtime = {
      ...runtime,
      again,
      layer: (inner) => ({ name: inner.name, forward: (x) => forward(inner, x, within) }),
    };
    return within;
  };
  const [first, repeated] = [passes(false), passes(true)];
  return {
    name: plan.name,
    forward: (x, again = false) => forward(plan, x, again ? repeated : first),
  };
}

function forward(plan: LayerPlan, x: Parameters<Layer['forward']>[0], runtime: Runtime) {
  switch (plan.type) {
    case 'conv':
      return conv.forward(plan, x, runtime);
    case 'maxpool':
    case 'avgpool':
      return types[plan.type].forward(plan, x, runtime);
    case 'fc':
      return fc.forward(plan, x, runtime);
    case 'dropout':
      return dropout.forward(plan, x, runtime);
    case 'relu':
      return relu.forward(plan, x, runtime);
    case 'spp':
      return spp.forward(plan, x, runtime);
    case 'batchnorm':
      return batchnorm.forward(plan, x, runtime);
    case 'lrn':
      return lrn.forward(plan, x, runtime);
    case 'branches':
      return branches.forward(plan, x, runtime);
    case 'residual':
      return residual.forward(plan, x, runtime);
  }
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

interface Site {
  shape: Shape;
  classes: number;
  name: Namer;
  frozen: boolean;
  path: Path;
}

function planLayers(specs: readonly LayerSpec[], site: Site): LayerPlan[] {
  const layers: LayerPlan[] = [];
  specs.forEach((spec, i) => {
    const place = (kind: string): Place => ({
      input: layers.at(-1)?.output ?? site.shape,
      path: [...site.path, i, kind],
      frozen: site.frozen,
      name: site.name,
      classes: site.classes,
      inside: (prefix, inner, frozen, path) =>
        planLayers(inner, {
          shape: layers.at(-1)?.output ?? site.shape,
          classes: site.classes,
          name: namer((type, n) => `${prefix}.${type}${n}`, `${prefix}.`),
          frozen,
          path,
        }),
    });
    planSpec(spec, place, layers);
  });
  return layers;
}

/** Plans one entry of a layer list, which stands for several layers where it repeats or adds others. */
function planSpec(spec: LayerSpec, place: (kind: string) => Place, layers: LayerPlan[]): void {
  if (spec.conv) repeat(spec.conv, 'conv', planConv);
  if (spec.branches)
    repeat(spec.branches, 'branches', (one) => branches.plan(one, place('branches')));
  if (spec.residual)
    repeat(spec.residual, 'residual', (one) => residual.plan(one, place('residual')));
  if (spec.batchnorm) layers.push(batchnorm.plan(spec.batchnorm, place('batchnorm')));
  if (spec.lrn) layers.push(lrn.plan(spec.lrn, place('lrn')));
  if (spec.fc) repeat({ ...spec.fc, repeat: 1 }, 'fc', (one) => fc.plan(one, place('fc')));
  if (spec.maxpool) layers.push(maxpool.plan(spec.maxpool, place('maxpool')));
  if (spec.avgpool) layers.push(avgpool.plan(spec.avgpool, place('avgpool')));
  if (spec.relu) layers.push(relu.plan(spec.relu, place('relu')));
  if (spec.spp) layers.push(spp.plan(spec.spp, place('spp')));
  if (spec.dropout !== undefined) {
    layers.push(dropout.plan({ rate: spec.dropout }, place('dropout')));
  }

  /** With batch normalization the ReLU comes after it. */
  function planConv({ batchNorm, ...one }: ConvSpec): LayerPlan {
    if (!batchNorm) return conv.plan(one, place('conv'));
    const layer = conv.plan({ ...one, relu: false }, place('conv'));
    layers.push(layer);
    const { relu, frozen } = one;
    const site = { ...place('conv'), name: () => `${layer.name}_bn` };
    return batchnorm.plan({ ...batchNorm, relu, frozen }, site);
  }

  function repeat<S extends { repeat: number; name?: string; dropout?: number }>(
    one: S,
    kind: string,
    plan: (one: S) => LayerPlan,
  ): void {
    for (let n = 1; n <= one.repeat; n++) {
      const name = one.name && one.repeat > 1 ? `${one.name}_${n}` : one.name;
      const layer = plan({ ...one, name });
      layers.push(layer);
      if (one.dropout) {
        const after = place(kind);
        const rate = one.dropout;
        layers.push(dropout.plan({ rate }, { ...after, name: () => `${layer.name}_dropout` }));
      }
    }
  }
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
