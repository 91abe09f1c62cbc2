import { batchnorm } from './batchnorm.js';
import { branches } from './branches.js';
import { conv } from './conv.js';
import { custom } from './custom.js';
import { dropout } from './dropout.js';
import { fc } from './fc.js';
import type { AnyLayerPlan } from './layer-plan.js';
import type { LayerType } from './layer-type.js';
import { lrn } from './lrn.js';
import { avgpool, maxpool } from './pool.js';
import { relu } from './relu.js';
import { residual } from './residual.js';
import { spp } from './spp.js';

/** Every layer type, by its key in configs and in plans; docs/config.md has them in this order. */
export const layerTypes = {
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
  custom,
};

type LayerTypes = typeof layerTypes;

type SpecOf<Type> = Type extends LayerType<infer Spec, infer _> ? Spec : never;
type PlanOf<Type> = Type extends LayerType<infer _, infer Plan> ? Plan : never;

/** An entry of a config's layer list: exactly one key is present. */
export type LayerSpec = { [Key in keyof LayerTypes]?: SpecOf<LayerTypes[Key]> };

/** The plan of a layer; `type` tells which. */
export type LayerPlan = PlanOf<LayerTypes[keyof LayerTypes]>;

const byName: Readonly<Record<string, LayerType<unknown>>> = layerTypes;

/** What is known of a layer's type. */
export const layerType = (layer: Pick<AnyLayerPlan, 'type'>): LayerType<unknown> =>
  byName[layer.type]!;
