import type { ExportResult } from '../commands/export.js';
import type { ImportResult } from '../commands/import.js';

/** An export for people. */
export function exportLines(result: ExportResult): string[] {
  const { path, format, checkpoint, bytes, verified, changes } = result;
  const written = `${path}: ${format}, ${(bytes / 2 ** 20).toFixed(1)} MiB, from ${checkpoint}`;
  if (!verified) {
    const read = 'read again: the same weights, bit by bit';
    return [written, ...(format === 'safetensors' ? [read] : [])];
  }
  const { runtime, images, drawn, probabilities, logits } = verified;
  return [
    written,
    `tested with ${runtime} on ${images} ${drawn ? 'drawn patterns' : 'images'}: probabilities differ by at most ${probabilities.toExponential(1)}, logits by ${logits.toExponential(1)} of the largest`,
    ...changes.map(
      ({ what, probabilities, logits, otherBest }) =>
        `${what}: probabilities change by at most ${probabilities.toExponential(1)}, logits by ${logits.toExponential(1)} of the largest, the best class of ${otherBest} of ${images} images`,
    ),
  ];
}

/** An import for people. */
export function importLines({ run, tensors, naming, pairs, unused }: ImportResult): string[] {
  const width = Math.max(...pairs.map(([ours]) => ours.length));
  return [
    `names of ${naming}`,
    ...pairs.map(([ours, theirs]) => `  ${ours.padEnd(width)}  ${theirs}`),
    ...(unused.length === 0 ? [] : [`not used: ${unused.join(', ')}`]),
    `${tensors} tensors taken over: ${run}`,
  ];
}
