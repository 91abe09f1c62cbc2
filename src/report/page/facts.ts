import { h, type JSX } from 'preact';
import type { RunReport } from '../page-data.js';
import { count, duration, minute, percent, whole } from './format.js';
import { type Group, spreadText, titleOf } from './group.js';
import { bestOf, lastOf } from './seeds.js';

type Row = [name: string, text: (run: RunReport) => string, all?: (group: Group) => string];

/** What there is to know of every run, in a column; seeds of one config share theirs. */
export function facts(groups: readonly Group[]): JSX.Element {
  const head = groups.map((group) =>
    h(
      'th',
      { scope: 'col' },
      h('i', { class: 'dot', style: `background:var(${group.color})` }),
      titleOf(group),
    ),
  );
  return h(
    'table',
    { class: 'facts' },
    h('thead', null, h('tr', null, h('td', null), head)),
    h(
      'tbody',
      null,
      ROWS.map((row) => h('tr', null, h('th', { scope: 'row' }, row[0]), cells(row, groups))),
    ),
  );
}

/** A cell for each group; what is the same in all of them once, except for what the row is about. */
function cells([, text, all]: Row, groups: readonly Group[]): JSX.Element[] {
  const texts = groups.map((group) =>
    all && group.runs.length > 1 ? all(group) : each(group, text),
  );
  if (!all && groups.length > 1 && new Set(texts).size === 1) {
    return [h('td', { colspan: groups.length }, texts[0]!)];
  }
  return groups.map((group, i) => {
    const of = groups.length > 1 ? group.label : null; // shown where the columns are one below the other
    return h('td', { 'data-of': of, style: `--accent:var(${group.color})` }, texts[i]!);
  });
}

/** Of several runs what they have in common, else a line for each. */
function each({ runs }: Group, text: (run: RunReport) => string): string {
  const texts = runs.map(text);
  return new Set(texts).size === 1 ? texts[0]! : texts.join('\n');
}

const pair = (of: typeof bestOf): Row[1] => {
  return (run) => {
    const row = of(run);
    return `${percent(row?.top1)} / ${percent(row?.top5)}${row ? ` at step ${whole(row.step)}` : ''}`;
  };
};

const meanPair = (of: typeof bestOf): Row[2] => {
  return ({ runs }) => {
    const rows = runs.map(of);
    return `${spreadText(rows.map((row) => row?.top1))} / ${spreadText(rows.map((row) => row?.top5))}`;
  };
};

const setting = (key: string) => (run: RunReport) => plain(run.settings[key]);

/** A line for each different answer of the run's sessions. */
const ofSessions =
  (text: (session: RunReport['sessions'][number]) => string) =>
  ({ sessions }: RunReport): string =>
    [...new Set(sessions.map(text))].join('\n') || '–';

const BY: Record<string, string> = { top1: 'top-1', top5: 'top-5' };

const ROWS: readonly Row[] = [
  ['Best validation top-1 / top-5 accuracy', pair(bestOf), meanPair(bestOf)],
  ['Last validation top-1 / top-5 accuracy', pair(lastOf), meanPair(lastOf)],
  ['Best by', (run) => BY[run.bestBy] ?? 'the loss'],
  ['Validation images', (run) => whole(run.val.images?.at(-1) ?? 0)],
  ['Losses', (run) => run.network.losses.map((loss) => lossText(run, loss)).join('\n')],
  ['Losses over time', (run) => run.network.phases.map(({ title }) => title).join('\n') || '–'],
  ['Parameters at test time', (run) => count(run.facts.parameters)],
  ['Parameters of auxiliary heads', (run) => count(run.facts.auxiliaryParameters)],
  ['Cost of a step over standard BP', (run) => `${run.facts.relativeCost.toFixed(3)} ×`],
  ['Input', (run) => run.network.input.join(' × ')],
  ['Training images', (run) => (run.facts.trainingImages ? whole(run.facts.trainingImages) : '–')],
  [
    'Data',
    (run) =>
      `${plain(run.settings['data.root'])}, ${plain(run.settings['data.classes'])} classes, ${run.facts.sampler}`,
  ],
  ['Augmentation', (run) => run.facts.augmentation],
  ['Label smoothing', setting('training.labelSmoothing')],
  ['Optimizer', optimizer],
  ['Schedule', (run) => run.facts.schedule],
  ['Batch', batch],
  ['Seed', setting('seed'), ({ runs }) => runs.map(setting('seed')).join(', ')],
  ['Time', (run) => (run.facts.seconds === null ? '–' : duration(run.facts.seconds))],
  [
    'Peak memory',
    (run) => (run.facts.peakMemoryMiB ? `${whole(run.facts.peakMemoryMiB)} MiB` : '–'),
  ],
  ['Started', started],
  ['Host', ofSessions(({ host, system }) => `${host}, ${system}`)],
  [
    'CPU',
    ofSessions(({ cpu, cores, memoryMiB }) => {
      return `${cpu}, ${cores} ${cores === 1 ? 'core' : 'cores'}, ${(memoryMiB / 1024).toFixed(1)} GiB`;
    }),
  ],
  ['Versions', ofSessions(({ relaybp, node }) => `relaybp ${relaybp}, Node ${node}`)],
  ['Engine', (run) => run.facts.engine ?? '–'],
  ['Run folder', (run) => run.folder],
];

function started({ sessions }: RunReport): string {
  const lines = sessions.map(({ started: at, step }) => {
    const when = minute(at);
    return step > 0 ? `${when}, after step ${whole(step)}` : when;
  });
  return lines.join('\n') || '–';
}

/** ` × 0.5`, or how it changes over the training; nothing where it is 1. */
export function weightOf({ weight, weightChange }: RunReport['network']['losses'][number]): string {
  if (weightChange !== null) return ` × ${weightChange}`;
  return weight === 1 ? '' : ` × ${weight}`;
}

/** `auxiliary × 0.5: conv2_3 down to conv1_1` */
function lossText({ network }: RunReport, loss: RunReport['network']['losses'][number]): string {
  const layers = network.segments.flatMap((segment) => segment.layers);
  const weight = weightOf(loss);
  const range =
    loss.bottom > loss.tap
      ? 'its head only'
      : `${layers[loss.tap]!.name} down to ${layers[loss.bottom]!.name}`;
  return `${loss.name}${weight}: ${range}`;
}

/** A setting as text: without the quotes of JSON. */
export const plain = (json: string | undefined): string => (json ?? '–').replace(/^"|"$/g, '');

function optimizer({ settings }: RunReport): string {
  const of = (key: string): string => plain(settings[`optimizer.${key}`]);
  const momentum = settings['optimizer.momentum'] ? `, momentum ${of('momentum')}` : '';
  return `${of('type')}, learning rate ${of('lr')}${momentum}, weight decay ${of('weightDecay')}`;
}

function batch({ settings }: RunReport): string {
  const [size, micro] = [settings['training.batchSize'], settings['training.microBatch']];
  return micro && micro !== size ? `${size} in micro-batches of ${micro}` : `${size}`;
}
