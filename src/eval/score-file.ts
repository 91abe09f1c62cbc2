import { z } from 'zod';
import { ruleText } from '../config/rule-text.js';
import { CheckpointError } from '../errors.js';
import { writeOutput } from '../files.js';
import { MOST_BYTES, readRegularBytes } from '../regular-file.js';
import {
  decodeSafetensors,
  encodeSafetensors,
  type NamedTensor,
  safetensorsMetadata,
} from '../safetensors.js';
import { messageOf, systemFix } from '../system-error.js';
import type { ScoreSet } from './score-set.js';

/** The metadata of a score file (docs/evaluation.md), JSON under `scores`. */
const metadataSchema = z.object({
  formatVersion: z.literal(1),
  source: z.string(),
  root: z.string(),
  classes: z.array(z.string()).min(1),
  paths: z.array(z.string()),
});

/** Whether a member of an ensemble or comparison is a score file, not a run. */
export const isScoreFile = (target: string): boolean => target.endsWith('.safetensors');

export function writeScoreFile(file: string, set: ScoreSet): void {
  const { source, root, classes, paths, labels, rows } = set;
  const values = new Float32Array(rows.length * classes.length);
  for (const [i, row] of rows.entries()) values.set(row, i * classes.length);
  const tensors = new Map<string, NamedTensor>([
    ['log_probabilities', { shape: [rows.length, classes.length], values }],
    ['labels', { shape: [rows.length], values: Float32Array.from(labels) }],
  ]);
  const metadata = JSON.stringify({ formatVersion: 1, source, root, classes, paths });
  writeOutput(file, encodeSafetensors(tensors, { scores: metadata }));
}

/** @throws CheckpointError naming the file and what is wrong in it */
export function readScoreFile(file: string): ScoreSet {
  const fail = (what: string): never => {
    throw new CheckpointError(
      `${file}: not a score file: ${what}`,
      'make one with: relaybp eval --scores',
    );
  };
  const bytes = read(file);
  const tensors = decodeSafetensors(bytes, file);
  const { scores } = safetensorsMetadata(bytes, file);
  if (scores === undefined) return fail('its metadata has no "scores"');
  const parsed = metadataSchema.safeParse(jsonOf(scores), { error: ruleText });
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    return fail(`its metadata: ${issue.path.join('.')}: ${issue.message}`);
  }
  const { root, classes, paths } = parsed.data;
  const [images, width] = [paths.length, classes.length];
  const values = tensors.get('log_probabilities');
  const labels = tensors.get('labels');
  if (values?.shape.join() !== `${images},${width}` || labels?.shape.join() !== `${images}`) {
    return fail(
      `${images} paths and ${width} classes need log_probabilities [${images}, ${width}] and labels [${images}]; ` +
        `here they are [${values?.shape.join(', ')}] and [${labels?.shape.join(', ')}]`,
    );
  }
  const odd = labels.values.findIndex((label) => !Number.isInteger(label) || !(label in classes));
  if (odd >= 0) {
    return fail(`${paths[odd]}: the label ${labels.values[odd]} is none of the ${width} classes`);
  }
  const bad = values.values.findIndex((value) => !(value < Number.POSITIVE_INFINITY));
  if (bad >= 0) {
    const path = paths[Math.floor(bad / width)];
    return fail(`${path}: ${values.values[bad]} is no log-probability`);
  }
  for (const [what, names] of Object.entries({ paths, classes })) {
    if (new Set(names).size < names.length) return fail(`its ${what} are not all different`);
  }
  if (images === 0) return fail('it holds no images');
  return {
    source: file,
    root,
    classes,
    paths,
    labels: Int32Array.from(labels.values),
    rows: paths.map((_, i) => values.values.subarray(i * width, (i + 1) * width)),
  };
}

/** Undefined, which no schema accepts, where the text is not JSON. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function read(file: string): Buffer {
  try {
    return readRegularBytes(file, MOST_BYTES);
  } catch (error) {
    throw new CheckpointError(`${file}: cannot be read: ${messageOf(error)}`, systemFix(error));
  }
}
