import type { RunReport } from '../data.js';
import { h, numbers } from './dom.js';
import { count, duration, percent, whole } from './format.js';
import { runColor } from './theme.js';

/** What was trained, how far, and how well. */
export function summary(runs: readonly RunReport[]): HTMLElement {
  return h(
    'div',
    {},
    h('div', { class: 'grid cards' }, runs.map(card)),
    h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'facts' }, facts(runs)),
    runs.length > 1 && differences(runs),
    runs.map(({ label, yaml }) =>
      h(
        'details',
        {},
        h('summary', {}, `Config${runs.length > 1 ? ` of ${label}` : ''}`),
        h('pre', { class: 'scroll', tabindex: 0 }, yaml),
      ),
    ),
  );
}

function card(run: RunReport, i: number): HTMLElement {
  const best = bestOf(run);
  const done = run.totalSteps ? Math.min(1, run.step / run.totalSteps) : null;
  const steps = run.totalSteps
    ? `step ${whole(run.step)} of ${whole(run.totalSteps)}`
    : 'not begun';
  const figure = (name: string, value: string) =>
    h('div', { class: 'figure' }, h('b', {}, value), h('span', {}, name));
  return h(
    'article',
    { class: 'card', style: `--accent:var(${runColor(i)})` },
    h('header', {}, h('h3', {}, run.label), h('span', { class: 'chip' }, run.method)),
    h(
      'div',
      { class: 'figures' },
      figure('top-1 error', percent(best?.top1_err)),
      figure('top-5 error', percent(best?.top5_err)),
      figure('at step', best ? whole(best.step) : '–'),
    ),
    h(
      'div',
      { class: 'progress', role: 'progressbar', 'aria-label': steps, 'aria-valuemin': 0 },
      h('div', { style: `width:${100 * (done ?? 0)}%` }),
    ),
    h(
      'p',
      { class: 'note' },
      h('span', { class: `state ${run.state.replace(' ', '-')}` }, run.state),
      ` · ${steps}`,
    ),
  );
}

/** The validation row with the highest top-1; the first of equal ones, as `best` names it. */
export function bestOf({
  val,
}: RunReport): { step: number; top1_err: number; top5_err: number } | null {
  const top1 = val.top1 ?? [];
  let at = -1;
  top1.forEach((value, i) => {
    if (value !== null && (at < 0 || value > top1[at]!)) at = i;
  });
  if (at < 0) return null;
  return { step: val.step[at]!, top1_err: val.top1_err![at]!, top5_err: val.top5_err![at]! };
}

function facts(runs: readonly RunReport[]): HTMLElement {
  const setting = (key: string) => (run: RunReport) => plain(run.settings[key]);
  const last = (run: RunReport, column: string): number | null => run.val[column]?.at(-1) ?? null;
  const rows: [string, (run: RunReport) => string][] = [
    ['Best validation top-1 / top-5 error', (run) => pair(bestOf(run))],
    [
      'Last validation top-1 / top-5 error',
      (run) => `${percent(last(run, 'top1_err'))} / ${percent(last(run, 'top5_err'))}`,
    ],
    ['Validation images', (run) => whole(last(run, 'images') ?? 0)],
    ['Losses', (run) => run.network.losses.map((loss) => lossText(run, loss)).join('\n')],
    ['Parameters at test time', (run) => count(run.facts.parameters)],
    ['Parameters of auxiliary heads', (run) => count(run.facts.auxiliaryParameters)],
    ['Cost of a step over standard BP', (run) => `${run.facts.relativeCost.toFixed(3)} ×`],
    ['Input', (run) => run.network.input.join(' × ')],
    [
      'Training images',
      (run) => (run.facts.trainingImages ? whole(run.facts.trainingImages) : '–'),
    ],
    [
      'Data',
      (run) =>
        `${plain(run.settings['data.root'])}, ${plain(run.settings['data.classes'])} classes, ${run.facts.sampler}`,
    ],
    ['Augmentation', (run) => run.facts.augmentation],
    ['Label smoothing', setting('training.labelSmoothing')],
    ['Optimizer', optimizer],
    ['Schedule', setting('schedule.type')],
    ['Batch', (run) => batch(run)],
    ['Seed', setting('seed')],
    ['Engine', (run) => run.facts.engine ?? '–'],
    ['Time', (run) => (run.facts.seconds === null ? '–' : duration(run.facts.seconds))],
    [
      'Peak memory',
      (run) => (run.facts.peakMemoryMiB ? `${whole(run.facts.peakMemoryMiB)} MiB` : '–'),
    ],
    ['Folder', (run) => run.folder],
  ];
  const head = runs.map(({ label }, i) =>
    h(
      'th',
      { scope: 'col' },
      h('i', { class: 'dot', style: `background:var(${runColor(i)})` }),
      label,
    ),
  );
  return h(
    'table',
    { class: 'facts' },
    h('thead', {}, h('tr', {}, h('td', {}), head)),
    h(
      'tbody',
      {},
      rows.map(([name, text]) =>
        h(
          'tr',
          {},
          h('th', { scope: 'row' }, name),
          runs.map((run) => h('td', {}, text(run))),
        ),
      ),
    ),
  );
}

/** `auxiliary × 0.5: conv2_3 down to conv1_1` */
export function lossText(
  { network }: RunReport,
  loss: RunReport['network']['losses'][number],
): string {
  const layers = network.segments.flatMap((segment) => segment.layers);
  const weight = loss.weight === 1 ? '' : ` × ${loss.weight}`;
  const range =
    loss.bottom > loss.tap
      ? 'its head only'
      : `${layers[loss.tap]!.name} down to ${layers[loss.bottom]!.name}`;
  return `${loss.name}${weight}: ${range}`;
}

function differences(runs: readonly RunReport[]): HTMLElement | null {
  const keys = [...new Set(runs.flatMap(({ settings }) => Object.keys(settings)))];
  const differing = keys.filter((key) => new Set(runs.map((run) => run.settings[key])).size > 1);
  const rows = differing.map((key) => [key, ...runs.map((run) => run.settings[key] ?? 'not set')]);
  const table = numbers('Settings that differ', () => ({
    head: ['key', ...runs.map(({ label }) => label)],
    rows,
  }));
  table.querySelector('summary')!.textContent = `Settings that differ (${differing.length})`;
  return table;
}

const plain = (json: string | undefined): string => (json ?? '–').replace(/^"|"$/g, '');

const pair = (best: ReturnType<typeof bestOf>): string =>
  `${percent(best?.top1_err)} / ${percent(best?.top5_err)}${best ? ` at step ${whole(best.step)}` : ''}`;

function optimizer({ settings }: RunReport): string {
  const of = (key: string): string => plain(settings[`optimizer.${key}`]);
  const momentum = settings['optimizer.momentum'] ? `, momentum ${of('momentum')}` : '';
  return `${of('type')}, learning rate ${of('lr')}${momentum}, weight decay ${of('weightDecay')}`;
}

function batch({ settings }: RunReport): string {
  const [size, micro] = [settings['training.batchSize'], settings['training.microBatch']];
  return micro && micro !== size ? `${size} in micro-batches of ${micro}` : `${size}`;
}
