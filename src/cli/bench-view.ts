import type { LayerRow } from '../bench/measure.js';
import type { BenchResult } from '../commands/bench.js';
import { describeEngine } from '../engine/engine.js';

/** A benchmark as a person reads it. */
export function benchReport(result: BenchResult): string[] {
  return [
    ...headLines(result),
    '',
    ...speedLines(result),
    '',
    ...splitLines(result),
    '',
    ...memoryLines(result),
    '',
    ...layerTable(result.layers),
  ];
}

function headLines(result: BenchResult): string[] {
  const { config, mode, precision, data, engine, batchSize, microBatch, steps, warmup } = result;
  const images = data === 'synthetic' ? 'synthetic images' : "the config's images";
  return [
    `${config}, mode ${mode}, ${precision}, ${images}`,
    `engine ${engine.name}: ${describeEngine(engine)}`,
    `${steps} steps of ${batchSize} images in micro-batches of ${microBatch}, after ${warmup} to warm up`,
  ];
}

function speedLines(result: BenchResult): string[] {
  const { msPerStep, dataWaitMs, imagesPerSecond, gflops, peak, shareOfPeak } = result;
  const { median, min, max } = msPerStep;
  const share = `${(100 * shareOfPeak).toFixed(0)} % of the peak ${number(peak.gflops)} (${peak.by})`;
  return [
    `ms per step          ${number(median)} (${number(min)} to ${number(max)}), of which data wait ${number(dataWaitMs)}`,
    `images per second    ${number(imagesPerSecond)}`,
    `GFLOP/s              ${number(gflops)}, ${share}`,
    `multiply-adds        ${result.multiplyAdds.toLocaleString('en-US')} an image and step, ${result.relativeToStandardBp.toFixed(3)} x standard BP`,
  ];
}

function splitLines({ split }: BenchResult): string[] {
  const { steps, msPerStep, forward, loss, backward, update, dataWait, other } = split;
  const rows: [string, number][] = [
    ['forward', forward],
    ['loss', loss],
    ...Object.entries(backward).map(([losses, ms]): [string, number] => [`backward ${losses}`, ms]),
    ['update', update],
    ['data wait', dataWait],
    ['other', other],
  ];
  const width = Math.max(19, ...rows.map(([name]) => name.length));
  return [
    `ms of a step by part (medians over ${steps} more steps with a stopwatch, ${number(msPerStep)} each)`,
    ...rows.map(([name, ms]) => {
      const share = ((100 * ms) / msPerStep).toFixed(0).padStart(3);
      return `  ${name.padEnd(width)}  ${number(ms).padStart(9)}  ${share} %`;
    }),
  ];
}

function memoryLines({ memory }: BenchResult): string[] {
  const { built, stepsPeak, peak, predictedActivations, predictedParameters } = memory;
  const predicted = `predicted by the plan: activations ${mebibytes(predictedActivations)}, weights, gradients, optimizer ${mebibytes(predictedParameters)}`;
  if (built === null || stepsPeak === null || peak === null) {
    return ['resident memory      not known here: it is read from /proc', predicted];
  }
  return [
    `resident memory      ${mebibytes(built)} after building, ${mebibytes(stepsPeak)} at most in the steps (${mebibytes(stepsPeak - built)} more); with building ${mebibytes(peak)}`,
    predicted,
  ];
}

function layerTable(layers: readonly LayerRow[]): string[] {
  const header = ['layer', 'type', 'forward', 'GFLOP/s', 'parameters', 'input', 'update'];
  const total = (key: 'forward' | 'parameterGradient' | 'inputGradient' | 'update'): number =>
    layers.reduce((sum, layer) => sum + layer[key], 0);
  const rows = [
    ...layers.map((layer) => [
      layer.name,
      layer.winograd ? `${layer.type}, Winograd` : layer.type,
      layer.forward.toFixed(2),
      layer.forwardGflops === null ? '' : layer.forwardGflops.toFixed(0),
      layer.parameterGradient.toFixed(2),
      layer.inputGradient.toFixed(2),
      layer.update.toFixed(2),
    ]),
    [
      'all',
      '',
      total('forward').toFixed(2),
      '',
      total('parameterGradient').toFixed(2),
      total('inputGradient').toFixed(2),
      total('update').toFixed(2),
    ],
  ];
  const widths = header.map((title, i) =>
    Math.max(title.length, ...rows.map((row) => row[i]!.length)),
  );
  const align = (cells: string[]): string =>
    cells
      .map((cell, i) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd();
  return [
    'ms of a step by layer: forward pass, gradients of parameters, of inputs, update',
    align(header),
    ...rows.map(align),
  ];
}

/** Three significant digits or more. */
export const number = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
const mebibytes = (value: number): string => `${value.toFixed(0)} MiB`;
