import { join } from 'node:path';
import { type WrittenPaths, withAbsolutePaths, writtenPaths } from '../config/file-paths.js';
import { type LoadedConfig, loadConfig, loadSavedConfig, withOverrides } from '../config/load.js';
import { ConfigError } from '../errors.js';
import type { CheckpointState } from '../run/checkpoint-state.js';
import type { ConfigOptions } from './options.js';
import type { Resumed } from './resume.js';

export type TrainingConfig = Pick<LoadedConfig, 'config' | 'locate'> & {
  /** How its paths, which are absolute, were written. */
  written: WrittenPaths;
};

/** The config given, else the one in the checkpoint, else that of a run without one; with the overrides. */
export function trainingConfig(
  file: string | LoadedConfig | undefined,
  { set }: ConfigOptions,
  resumed: Pick<Resumed, 'run' | 'from'> | null,
): TrainingConfig {
  if (typeof file === 'object') return settled(file);
  if (file) return settled(loadConfig(file, set));
  if (!resumed) {
    throw new ConfigError(
      'train needs a config file',
      'relaybp train <config.yaml>, or --resume <run>',
    );
  }
  const { run, from } = resumed;
  if (!from) return settled(loadSavedConfig(join(run, 'config.yaml'), set));
  const { path, state } = from.checkpoint;
  return settled(withOverrides(state.config, join(path, 'state.json'), set), state);
}

function settled(loaded: LoadedConfig, earlier?: CheckpointState): TrainingConfig {
  const config = withAbsolutePaths(loaded.config);
  const written = writtenPaths(config, (path) => loaded.written(path), earlier);
  return { config, locate: loaded.locate, written };
}
