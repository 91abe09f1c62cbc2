import { printConfig } from '../config/print.js';
import { fingerprint } from '../data/index/fingerprint.js';
import { gatherFrom, onAll } from '../distributed/agree.js';
import type { Communicator } from '../distributed/communicator.js';
import { ConfigError, DataError } from '../errors.js';
import { openCheckpoint } from '../run/checkpoint.js';
import { version } from '../version.js';
import type { PreparedTraining } from './prepare-training.js';
import type { Resumed } from './resume.js';

const NO_LOCK = { release: (): void => {} };

/**
 * The run that a training goes on with: found, locked and tidied by rank 0, and read by all.
 *
 * @param find of rank 0
 */
export async function resumeOnAll(
  ranks: Communicator,
  find: () => Resumed | null,
): Promise<Resumed | null> {
  let own: Resumed | null = null;
  const [found] = await gatherFrom(ranks, () => {
    if (ranks.rank !== 0) return null;
    own = find();
    return own && { run: own.run, checkpoint: own.from?.checkpoint.path ?? null };
  });
  await onAll(ranks, () => {
    if (ranks.rank === 0 || !found) return;
    const { run, checkpoint } = found;
    const from =
      checkpoint === null ? null : { checkpoint: openCheckpoint(checkpoint), damaged: [] };
    own = { run, lock: NO_LOCK, from };
  });
  return own;
}

/** Ranks that would train different things. @throws ConfigError, DataError naming the rank and what is different there */
export async function checkSame(
  ranks: Communicator,
  { config, train, val, engine, progress }: PreparedTraining,
): Promise<void> {
  const all = await gatherFrom(ranks, () => ({
    version,
    config: printConfig({ ...config, data: { ...config.data, root: '' } }), // images count, not their place
    step: progress.step,
    engine: `${engine.info.name}, ${engine.info.precision}, ${engine.info.library}`,
    train: ranks.size > 1 ? fingerprint(train) : '',
    val: ranks.size > 1 ? fingerprint(val) : '',
  }));
  await onAll(ranks, () => {
    const [first] = all;
    all.forEach((other, rank) => {
      const differs = (key: keyof typeof other): boolean => other[key] !== first![key];
      const who = ranks.name(rank);
      if (differs('version')) {
        throw new ConfigError(
          `${who} has relaybp ${other.version}, ${ranks.name(0)} has ${first!.version}`,
          'install one version on all hosts',
        );
      }
      if (differs('config')) {
        const [line, own] = differentLine(first!.config, other.config);
        throw new ConfigError(
          `${who} has another config than ${ranks.name(0)}: ${JSON.stringify(own)} in place of ${JSON.stringify(line)}`,
          'give all hosts the same config file',
        );
      }
      if (differs('step')) {
        throw new ConfigError(
          `${who} would go on after step ${other.step}, ${ranks.name(0)} after step ${first!.step}`,
          'let the run folder be on a file system that all hosts share',
        );
      }
      if (differs('engine')) {
        throw new ConfigError(
          `${who} has the engine ${other.engine}, ${ranks.name(0)} has ${first!.engine}`,
          'install the same engine on all hosts, and name precision and engine',
        );
      }
      for (const [key, what, index] of [
        ['train', 'training', train],
        ['val', 'validation', val],
      ] as const) {
        if (!differs(key)) continue;
        throw new DataError(
          `the ${what} images that ${who} sees are not those of ${ranks.name(0)} (${index.root}): names, sizes or labels differ`,
          'copy the same images to all hosts, or use a file system that they share; --rebuild-index looks at all files again',
        );
      }
    });
  });
}

function differentLine(a: string, b: string): [string, string] {
  const [first, second] = [a.split('\n'), b.split('\n')];
  const at = first.findIndex((line, i) => line !== second[i]);
  return at < 0
    ? ['', second.at(first.length) ?? '']
    : [first[at]!.trim(), (second[at] ?? '').trim()];
}
