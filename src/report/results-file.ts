import { parse } from 'csv-parse/sync';
import { guarded, unguarded } from '../csv.js';
import { oneForm } from '../data/index/unicode-forms.js';
import { CheckpointError } from '../errors.js';
import { resultColumns } from '../eval/results.js';
import { lastPlace } from '../eval/topk.js';
import { MOST_ROWS, readNamed, readRegularBytes } from '../regular-file.js';
import { messageOf } from '../system-error.js';

/** One line of a per-image results file (docs/evaluation.md). */
export interface ImageResult {
  /** As the file names it. */
  image: string;
  label: number;
  /** Of the label among the predictions, from 1; `lastPlace` of scores that are not numbers. */
  rank: number;
  /** `[class, probability]`, best first; none of scores that are not numbers. */
  best: [number, number][];
}

/**
 * @param named the file was named by the user, not found in a run folder
 * @throws CheckpointError naming file, line and value if it is no such file, or of other classes
 */
export function readResults(
  file: string,
  classes: readonly string[],
  { named }: { named: boolean },
): ImageResult[] {
  const read = () => (named ? readNamed : readRegularBytes)(file, MOST_ROWS);
  const fail = (what: string): never => {
    throw new CheckpointError(
      `${file}: not a results file of these classes: ${what}`,
      'make one with: relaybp eval <run> --results FILE.csv',
    );
  };
  let records: string[][];
  try {
    records = parse(read().toString('utf8'), { relax_column_count: true });
  } catch (error) {
    return fail(messageOf(error));
  }
  const [header, ...lines] = records;
  const k = header ? (header.length - resultColumns(0).length) / 2 : 0;
  if (!(k >= 1) || !Number.isInteger(k) || header!.join() !== resultColumns(k).join()) {
    return fail(
      `it begins with ${header?.join() ?? 'nothing'}, not with ${resultColumns().join()}`,
    );
  }
  const position = new Map(
    [guarded, String].flatMap((cell) =>
      classes.map((name, i) => [oneForm(cell(name)), i] as const),
    ),
  );
  const isShare = ([, p]: [number, number]): boolean => p >= 0 && p <= 1;
  const isRank = (value: number): boolean =>
    Number.isInteger(value) && value >= 1 && value <= lastPlace(classes.length);
  return lines.map(([image, label, rank, ...cells], i) => {
    const classOf = (name: string | undefined): number =>
      position.get(oneForm(name ?? '')) ?? fail(`line ${i + 2}: no class is called "${name}"`);
    const best = cells.flatMap((name, at): [number, number][] =>
      at % 2 === 0 && name !== '' ? [[classOf(name), Number(cells[at + 1])]] : [],
    );
    const isSilent = best.length === 0 && Number(rank) === lastPlace(classes.length);
    if (
      (best.length === 0 && !isSilent) ||
      best.length > k ||
      !best.every(isShare) ||
      !isRank(Number(rank))
    ) {
      return fail(`line ${i + 2}: ${[image, label, rank, ...cells].join()}`);
    }
    return { image: unguarded(image!), label: classOf(label), rank: Number(rank), best };
  });
}
