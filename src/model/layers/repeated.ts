import type { AnyLayerPlan } from './layer-plan.js';
import type { Place } from './layer-type.js';

/** An entry `repeat` times, each reading what the one before gives: `name_1`, `name_2` where it has a name of its own. */
export function repeated<Spec extends { repeat: number; name?: string }>(
  spec: Spec,
  place: Place,
  plan: (one: Spec, place: Place) => readonly AnyLayerPlan[],
): AnyLayerPlan[] {
  const layers: AnyLayerPlan[] = [];
  for (let n = 1; n <= spec.repeat; n++) {
    const name = spec.name && spec.repeat > 1 ? `${spec.name}_${n}` : spec.name;
    const input = layers.at(-1)?.output ?? place.input;
    layers.push(...plan({ ...spec, name }, { ...place, input }));
  }
  return layers;
}
