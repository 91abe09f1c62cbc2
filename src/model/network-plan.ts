import type { Shape } from '../engine/engine.js';
import type { LayerMemory } from './layers/layer-memory.js';
import type { AnyLayerPlan, ParameterPlan } from './layers/layer-plan.js';
import { type LayerPlan, layerType } from './layers/table.js';

/** A network as plain data. */
export interface NetworkPlan {
  readonly input: Shape;
  readonly classes: number;
  readonly segments: readonly { readonly name: string; readonly layers: readonly LayerPlan[] }[];
  readonly heads: readonly { readonly loss: string; readonly layers: readonly LayerPlan[] }[];
}

/** The paths inside a composite layer: chains of layers on the same input; none of another layer. */
export function pathsOf(layer: AnyLayerPlan): readonly (readonly LayerPlan[])[] {
  return (layerType(layer).paths?.(layer) ?? []) as readonly (readonly LayerPlan[])[];
}

/** A layer with every layer inside it, outermost first. */
export function flatten(layer: LayerPlan): LayerPlan[] {
  return [layer, ...pathsOf(layer).flat().flatMap(flatten)];
}

/** Parameters and running statistics. */
export function parametersOf(layers: readonly LayerPlan[]): ParameterPlan[] {
  return layers.flatMap(flatten).flatMap((layer) => layer.parameters);
}

export function trunkOf(network: NetworkPlan): LayerPlan[] {
  return network.segments.flatMap((segment) => segment.layers);
}

/** Whether a training step changes anything in this layer. */
export function isTrainable(layer: LayerPlan): boolean {
  return flatten(layer).some(
    (inner) => inner.parameters.some(({ state }) => !state) && !inner.frozen,
  );
}

/** By parameter, where the learning rate is another than the schedule's. */
export function lrFactorsOf(layers: readonly LayerPlan[]): Map<string, number> {
  const others = layers.flatMap(flatten).filter(({ lrFactor }) => lrFactor !== undefined);
  return new Map(
    others.flatMap(({ parameters, lrFactor }) => parameters.map(({ name }) => [name, lrFactor!])),
  );
}

/** Those that take their statistics from a micro-batch, layers inside others included. */
export function withBatchStatistics(layers: Iterable<LayerPlan>): LayerPlan[] {
  return [...layers]
    .flatMap(flatten)
    .filter((layer) => layerType(layer).batchStatistics && !layer.frozen);
}

/** What a layer's pass keeps until its backward pass. */
export function memoryOf(layer: AnyLayerPlan): LayerMemory {
  return layerType(layer).memory(layer, memoryOf);
}
