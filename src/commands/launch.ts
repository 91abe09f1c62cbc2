import { launch } from '../distributed/mpirun.js';
import { ConfigError } from '../errors.js';

export interface LaunchCommandOptions {
  /** Ranks in all. */
  ranks: number;
  /** Names of hosts, separated by commas; default: this machine. */
  hosts?: string;
}

/**
 * `relaybp launch`: a training by several processes, without knowing mpirun.
 *
 * @param args of relaybp, `train` first
 * @param self the program that each rank runs with them
 * @returns the exit code
 */
export function launchCommand(
  args: readonly string[],
  { ranks, hosts }: LaunchCommandOptions,
  self: readonly string[],
): Promise<number> {
  if (args[0] !== 'train' && args[0] !== 'bench') {
    throw new ConfigError(
      `launch starts trainings and benchmarks, not ${JSON.stringify(args[0] ?? '')}`,
      'relaybp launch -n 2 -- train my.yaml',
    );
  }
  const names = (hosts ?? '').split(',').filter((name) => name !== '');
  return launch({ ranks, hosts: names, command: [...self, ...args] });
}
