import { h, type JSX } from 'preact';
import type { RunReport } from '../page-data.js';
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
      const names = groups.length > 1 ? `${same.map(titleOf).join(', ')}: ` : '';
      return h(
        'div',
        null,
        phasesOf(run).map(({ title, ...now }) => [
          h('h3', null, names + title),
          h(NetworkDrawing, { run: { ...run, ...now } }),
        ]),
      );
    }),
  );
}

/** The network as it is in each phase of the training. */
function phasesOf({
  method,
  network,
}: RunReport): (Pick<RunReport, 'method' | 'network'> & { title: string })[] {
  if (network.phases.length === 0) return [{ title: method, method, network }];
  return network.phases.map(({ title, method: own, losses }) => {
    return { title: `${own}, ${title}`, method: own, network: { ...network, losses } };
  });
}
