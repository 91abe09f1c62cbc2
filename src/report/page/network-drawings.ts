import { h, type JSX } from 'preact';
import { type Group, titleOf } from './group.js';
import { NetworkDrawing } from './network-drawing.js';

/** The networks of all runs: one that several share is drawn once, with their names. */
export function networks(groups: readonly Group[]): JSX.Element {
  const drawings = new Map<string, Group[]>();
  for (const group of groups) {
    const { network, method } = group.runs[0]!;
    const key = JSON.stringify([network, method]);
    drawings.set(key, [...(drawings.get(key) ?? []), group]);
  }
  return h(
    'div',
    null,
    [...drawings.values()].map((same) => {
      const run = same[0]!.runs[0]!;
      const names = same.map(titleOf).join(', ');
      const title = groups.length > 1 ? `${names}: ${run.method}` : run.method;
      return h('div', null, h('h3', null, title), h(NetworkDrawing, { run }));
    }),
  );
}
