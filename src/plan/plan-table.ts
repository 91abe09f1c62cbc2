import type { Colors } from 'picocolors/types.js';
import type { ExperimentPlan, PhasePlan } from '../experiment/experiment-plan.js';
import { hungriest } from '../experiment/moment.js';
import { memoryPlan } from '../experiment/step-memory.js';
import { type LayerPlan, layerType } from '../model/layers/table.js';
import { flatten, isTrainable, trunkOf } from '../model/network-plan.js';
import { inRange, type ResolvedLoss } from '../relay/ranges.js';
import { convolutionForms } from './convolution-forms.js';
import { countParameters, totals } from './cost.js';
import { augmentationText, samplerText } from './drawing.js';
import { enabledText, weightText } from './loss-text.js';
import { phaseLines } from './phase-lines.js';

type Paint = (text: string) => string;
/** The colour of a loss. */
type PaintOf = (loss: string) => Paint;

/**
 * The plan as a person reads it: the network from input to output with every loss's range as a coloured bar.
 *
 * @param columns of the terminal. Where the layers need more, their last counts are left out, and a line says so: bars
 *   that break over two lines show no range
 */
export function planTable(
  plan: ExperimentPlan,
  colors: Colors,
  { steps = false, columns = Number.POSITIVE_INFINITY }: { steps?: boolean; columns?: number } = {},
): string {
  const palette: Paint[] = [colors.cyan, colors.yellow, colors.magenta, colors.green, colors.blue];
  const paint: PaintOf = (loss) => {
    const at = plan.config.losses.findIndex(({ name }) => name === loss);
    return palette[at % palette.length]!;
  };
  return [
    colors.bold(plan.config.name),
    '',
    ...layerTable(plan, paint, colors, columns),
    '',
    ...lossLines(plan, paint),
    '',
    ...totalLines(plan),
    ...(steps ? [] : [stepLine(plan)]),
    ...phaseLines(plan),
    ...(steps ? plan.phases.flatMap((phase) => ['', ...stepLines(plan, phase)]) : []),
  ].join('\n');
}

const BAR = '█';
const HEADER = ['layer', 'type', 'output', 'parameters', 'multiply-adds'];
/** The first of HEADER are text; the counts after them may be left out. */
const TEXTS = 3;
const GAP = '  ';

function layerTable(
  plan: ExperimentPlan,
  paint: PaintOf,
  colors: Colors,
  columns: number,
): string[] {
  const { network, losses, trunk } = plan;
  const rows: { cells: string[]; bars: string[] }[] = [];
  const trunkRow = (layer: LayerPlan): void => {
    const at = trunk.findIndex((candidate) => candidate.name === layer.name);
    const bars = losses.map((loss) => {
      return trunkBar(loss, at, trunk[at]!.trainable, paint(loss.name));
    });
    rows.push({ cells: layerCells(layer), bars });
  };
  for (const segment of network.segments) {
    rows.push({ cells: [segment.name, '', '', '', ''], bars: losses.map(() => '') });
    segment.layers.forEach(trunkRow);
  }
  for (const head of network.heads) {
    rows.push({ cells: [`head ${head.loss}`, '', '', '', ''], bars: losses.map(() => '') });
    for (const layer of head.layers) {
      const bars = losses.map(({ name }) =>
        name === head.loss && isTrainable(layer) ? paint(name)(BAR) : ' ',
      );
      rows.push({ cells: layerCells(layer), bars });
    }
  }
  const widths = HEADER.map((title, i) =>
    Math.max(title.length, ...rows.map((row) => row.cells[i]!.length)),
  );
  const needed = (cells: number): number =>
    [...widths.slice(0, cells), ...losses.map(({ name }) => name.length)]
      .map((width) => width + GAP.length)
      .reduce((sum, width) => sum + width, -GAP.length);
  let shown = HEADER.length;
  while (shown > TEXTS && needed(shown) > columns) shown -= 1;
  const align = (cells: string[]): string =>
    cells
      .slice(0, shown)
      .map((cell, i) => (i < TEXTS ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join(GAP);
  const names = losses.map(({ name }) => paint(name)(name));
  const lines = [`${colors.bold(align(HEADER))}${GAP}${names.join(GAP)}`];
  for (const { cells, bars } of rows) {
    const isTitle = cells[1] === '';
    const spaced = bars.map((bar, i) => bar + ' '.repeat(losses[i]!.name.length - 1));
    lines.push(
      isTitle ? colors.bold(cells[0]!) : `${align(cells)}${GAP}${spaced.join(GAP)}`.trimEnd(),
    );
  }
  if (shown < HEADER.length) {
    const left = HEADER.slice(shown).join(' and ');
    lines.push('', `${left} of each layer: in ${needed(HEADER.length)} columns, or by --json`);
  }
  return lines;
}

/** A full bar where the loss trains parameters, a thin one where its signal only passes. */
function trunkBar(loss: ResolvedLoss, at: number, trainable: boolean, paint: Paint): string {
  if (!inRange(loss, at)) return ' ';
  if (trainable) return paint(BAR);
  return loss.reach !== null && at > loss.reach ? paint('│') : ' ';
}

function layerCells(layer: LayerPlan): string[] {
  const parameters = countParameters([layer]);
  return [
    `  ${layer.name}`,
    layerType(layer).describe(layer) + learningText(layer),
    layer.output.join('x'),
    parameters === 0 ? '' : group(parameters),
    layer.multiplyAdds === 0 ? '' : group(layer.multiplyAdds),
  ];
}

function learningText({ frozen, lrFactor }: LayerPlan): string {
  if (frozen) return ' (frozen)';
  return lrFactor === undefined ? '' : ` (lr x ${lrFactor})`;
}

/** Each loss as it is when it is first on. */
function lossLines({ config, phases, trunk, primary }: ExperimentPlan, paint: PaintOf): string[] {
  const all = phases.flatMap(({ losses }) => losses);
  return config.losses.map(({ name, after, weight, enabled }) => {
    const loss = all.find((one) => one.name === name);
    const about = `loss ${paint(name)(name)}: weight ${weightText(weight)}, taps after`;
    if (!loss) return `${about} ${after}, off`;
    const [tap, bottom] = [trunk[loss.tap]!, trunk[loss.bottom]];
    const range = loss.bottom > loss.tap ? 'its head only' : `${tap.name} down to ${bottom!.name}`;
    const role = name === primary.name ? ', the output at test time' : '';
    return `${about} ${tap.name}, range ${range}${enabledText(enabled)}${role}`;
  });
}

function totalLines(plan: ExperimentPlan): string[] {
  const counted = totals(plan);
  const memory = memoryPlan(hungriest(plan));
  const { labelSmoothing: smoothing } = plan.config.training;
  return [
    `parameters                 ${group(counted.parameters)} (auxiliary heads: ${group(counted.auxiliaryParameters)} more, in training only)`,
    `multiply-adds per image    ${group(counted.multiplyAdds)} (auxiliary heads: ${group(counted.auxiliaryMultiplyAdds)} more)`,
    `training step              ${counted.relativeToStandardBp.toFixed(3)} x the multiply-adds of standard BP`,
    ...convolutionLine(plan),
    `weights and optimizer      ${mebibytes(memory.parameters)}`,
    `activations and signals    ${mebibytes(memory.activations)} for a micro-batch of ${plan.microBatch}${recomputed(plan)}`,
    `gradients                  ${mebibytes(memory.gradients)}${plan.updateAtOnce ? ', each used as soon as it is known' : ''}`,
    `peak resident memory       about ${mebibytes(memory.peak)} on the native engine`,
    `images                     ${samplerText(plan.config.data)}; ${augmentationText(plan.config.data)}`,
    ...(smoothing > 0 ? [`label smoothing            ${smoothing}`] : []),
    ...classWeightsLine(plan),
    ...statisticsLine(plan),
  ];
}

/** On a CPU without AVX2, and where bfloat16 is multiplied, all are direct. */
function convolutionLine(plan: ExperimentPlan): string[] {
  const { winograd, direct, work } = convolutionForms(plan);
  if (winograd.length === 0) return [];
  const all = winograd.length + direct.length;
  const which =
    direct.length === 0
      ? ''
      : direct.length < winograd.length
        ? `: all but ${direct.join(', ')}`
        : `: ${winograd.join(', ')}`;
  return [
    `Winograd's filtering       ${winograd.length} of ${all} convolutions, ${work.toFixed(2)} x the work of a step (native engine, float32)${which}`,
  ];
}

function recomputed({ recompute }: ExperimentPlan): string {
  return recompute.length === 0 ? '' : `, ${recompute.join(', ')} computed again`;
}

function classWeightsLine({ config }: ExperimentPlan): string[] {
  const texts = config.losses.flatMap(({ name, classWeights: weights }) => {
    if (weights === undefined) return [];
    if (weights === 'balanced') return [`${name} balanced`];
    const given = Object.entries(weights).map(([key, weight]) => `${key} ${weight}`);
    return [`${name} ${given.slice(0, 3).join(', ')}${given.length > 3 ? ', …' : ''}`];
  });
  return texts.length === 0 ? [] : [`class weights              ${texts.join('; ')}`];
}

/** Whose statistics batch normalization uses, where there is any. */
function statisticsLine({ network, microBatch }: ExperimentPlan): string[] {
  const layers = [...trunkOf(network), ...network.heads.flatMap((head) => head.layers)];
  const inner = layers.flatMap(flatten).filter((layer) => layerType(layer).batchStatistics);
  if (inner.length === 0) return [];
  const frozen = inner.filter((layer) => layer.frozen).length;
  const rest = frozen > 0 ? `, by running statistics where frozen (${frozen})` : '';
  return [
    `batch normalization        by the statistics of a micro-batch of ${microBatch} (layers: ${inner.length - frozen})${rest}; with several ranks, of each rank's`,
  ];
}

const stepLine = ({ config, microBatch, step }: ExperimentPlan): string =>
  `one step                   ${config.training.batchSize / microBatch} x micro-batch of ${microBatch}, ${step.microBatch.length} actions each: --steps lists them`;

/** The ordered list of actions, runs of the same kind on one line. */
function stepLines(plan: ExperimentPlan, { when, step }: PhasePlan): string[] {
  const { batchSize } = plan.config.training;
  const time = when === undefined ? '' : `${when}: `;
  const lines = [
    `${time}one step = ${batchSize / plan.microBatch} x micro-batch of ${plan.microBatch}:`,
  ];
  for (const action of step.microBatch) {
    switch (action.do) {
      case 'forward':
        lines.push(`  forward   ${action.layer}`);
        break;
      case 'loss':
        lines.push(`  loss      ${action.loss}`);
        break;
      case 'recompute':
        lines.push(`  recompute ${action.layers.join(', ')}`);
        break;
      case 'backward':
      case 'early': {
        const ends = action.signals.filter((_, i) => !action.carry[i]);
        const signals = action.signals.length > 1 ? ` of ${action.signals.length} signals` : '';
        const stop = ends.length > 0 ? '; a range ends here' : '';
        const early = action.do === 'early' ? '; its gradient waits for the other signals' : '';
        const gradient = action.parameters ? early : ' (input gradient only)';
        lines.push(`  backward  ${action.layer}${signals}${gradient}${stop}`);
        break;
      }
      case 'join':
        lines.push(
          `  join      the signal of ${action.signal} enters the trunk, down to ${action.into}`,
        );
        break;
      case 'free':
        lines.push(
          'output' in action
            ? `  free      output of ${action.output}`
            : `  free      ${action.saved}`,
        );
    }
  }
  if (plan.updateAtOnce) {
    return [...lines, 'each parameter is updated as soon as its gradient is known'];
  }
  return [...lines, `then update ${step.update.length} layers: ${step.update.join(', ')}`];
}

const group = (value: number): string => value.toLocaleString('en-US');
const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
