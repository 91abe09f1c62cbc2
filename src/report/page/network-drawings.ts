import { h } from './dom.js';
import { type Group, titleOf } from './group.js';
import { networkFigure } from './network-drawing.js';

/** The networks of all runs: one that several share is drawn once, with their names. */
export function networks(groups: readonly Group[]): HTMLElement {
  const drawings = new Map<string, Group[]>();
  for (const group of groups) {
    const { network, method } = group.runs[0]!;
    const key = JSON.stringify([network, method]);
    drawings.set(key, [...(drawings.get(key) ?? []), group]);
  }
  return h(
    'div',
    {},
    [...drawings.values()].map((same) => {
      const run = same[0]!.runs[0]!;
      const names = same.map(titleOf).join(', ');
      const title = groups.length > 1 ? `${names}: ${run.method}` : run.method;
      return h('div', {}, h('h3', {}, title), networkFigure(run));
    }),
  );
}
