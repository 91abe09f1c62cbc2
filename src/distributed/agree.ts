/** Errors that all ranks know of: then all end in order, and one of them says why. */
import {
  CheckpointError,
  ConfigError,
  DataError,
  EngineError,
  OutOfMemoryError,
  RelaybpError,
  TrainingError,
} from '../errors.js';
import type { Communicator } from './communicator.js';

const KINDS = [
  ConfigError,
  DataError,
  CheckpointError,
  OutOfMemoryError,
  EngineError,
  TrainingError,
] as const;

/** What a rank has to say: what it has found, or an error. */
type Said<T> = { readonly value: T } | { readonly error: Told };

interface Told {
  readonly kind: number;
  readonly lines: readonly string[];
  readonly hint?: string | undefined;
}

const known = new WeakSet<Error>();

/** Whether all ranks end by this error, and none has to be told. */
export const isAgreed = (error: unknown): boolean => error instanceof Error && known.has(error);

/**
 * What each rank finds, on all ranks.
 *
 * @param work gives what survives JSON; it must not talk to other ranks
 * @throws where the work fails on any rank: on all of them the error of the first such rank, which is named
 */
export async function gatherFrom<T>(ranks: Communicator, work: () => T | Promise<T>): Promise<T[]> {
  if (ranks.size === 1) return [await work()];
  let said: Said<T>;
  try {
    said = { value: await work() };
  } catch (error) {
    if (isAgreed(error)) throw error;
    said = { error: told(error) };
  }
  const all = (await ranks.gather(Buffer.from(JSON.stringify(said)))).map(
    (bytes) => JSON.parse(Buffer.from(bytes).toString('utf8')) as Said<T>,
  );
  all.forEach((each, rank) => {
    if ('error' in each) throw agreed(each.error, ranks, rank);
  });
  return all.map((each) => (each as { value: T }).value);
}

/** Does something on all ranks; where it fails on one of them, it fails on all. @returns what came out on this one */
export async function onAll<T>(ranks: Communicator, work: () => T | Promise<T>): Promise<T> {
  let own: { value: T } | null = null;
  await gatherFrom(ranks, async () => {
    own = { value: await work() };
    return null;
  });
  return own!.value;
}

/** As `onAll`, first on rank 0, then on one rank of each machine, then on the others: they find files that those have made. */
export async function inTurn<T>(ranks: Communicator, work: () => T | Promise<T>): Promise<T> {
  const turn = ranks.rank === 0 ? 0 : ranks.local.rank === 0 ? 1 : 2;
  let own: { value: T } | null = null;
  for (let now = 0; now < (ranks.size === 1 ? 1 : 3); now++) {
    await onAll(ranks, async () => {
      if (now === turn) own = { value: await work() };
    });
  }
  return own!.value;
}

function told(error: unknown): Told {
  if (!(error instanceof RelaybpError)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { kind: KINDS.indexOf(TrainingError), lines: text.split('\n') };
  }
  const { lines, hint } = error;
  return { kind: KINDS.findIndex((kind) => error instanceof kind), lines, hint };
}

function agreed({ kind, lines, hint }: Told, ranks: Communicator, rank: number): Error {
  const [first = '', ...rest] = lines;
  const who = rank === 0 ? '' : `${ranks.name(rank)}: `;
  const error = new (KINDS[kind] ?? TrainingError)([who + first, ...rest], hint);
  known.add(error);
  return error;
}
