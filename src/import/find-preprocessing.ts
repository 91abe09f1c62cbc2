/** Where the preprocessing that belongs to a weight file is found. */
import { existsSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { ConfigError } from '../errors.js';
import { MOST, MOST_BYTES, readNamed, readRegularBytes } from '../regular-file.js';
import { safetensorsMetadata } from '../safetensors.js';
import { messageOf, systemFix } from '../system-error.js';
import type { PublishedPreprocessing } from './published-preprocessing.js';
import { timmConfigIn, timmPreprocessing } from './timm-preprocessing.js';
import { PRESET_NAMES, torchvisionPreset } from './torchvision-presets.js';

/** What `--preprocessing` says besides the name of weights or of a file. */
export const AUTO = 'auto';
export const OWN = 'config';

/**
 * @param weights a weight file
 * @param from `auto`: torchvision's preset if the file has the name that torchvision gives it, else timm's config in the
 *   file's metadata or in a config.json beside it; `config`: none; or the name of torchvision's weights, or a config.json
 * @returns null if there is none
 * @throws ConfigError if what was named is not there or cannot be taken over
 */
export function findPreprocessing(weights: string, from: string): PublishedPreprocessing | null {
  if (from === OWN) return null;
  if (from !== AUTO) return torchvisionPreset(from) ?? fromFile(from);
  if (extname(weights).toLowerCase() !== '.safetensors') return null;
  const preset = torchvisionPreset(basename(weights, extname(weights)));
  if (preset) return preset;
  const inside = inMetadata(weights);
  if (inside) return timmPreprocessing(inside, `the metadata of ${weights}`);
  const beside = join(dirname(weights), 'config.json');
  const config = existsSync(beside) ? timmConfigIn(readJson(beside)) : null;
  return config && timmPreprocessing(config, beside);
}

function fromFile(file: string): PublishedPreprocessing {
  if (!existsSync(file)) {
    throw new ConfigError(
      `--preprocessing ${file}: neither a file nor the name of weights of torchvision (${PRESET_NAMES.join(', ')})`,
      "name one of these, timm's config.json, or: auto, config",
    );
  }
  const config = timmConfigIn(readJson(file));
  if (config) return timmPreprocessing(config, file);
  throw new ConfigError(
    `--preprocessing ${file}: no config of timm: it has neither pretrained_cfg nor input_size with crop_pct`,
    'give the config.json that timm saves beside its weights',
  );
}

/** timm itself writes none; whoever packs weights and config into one file puts it there. */
function inMetadata(weights: string): object | null {
  const { pretrained_cfg: text } = metadataOf(weights);
  return text === undefined ? null : timmConfigIn({ pretrained_cfg: parsed(text, weights) });
}

/** None where the file cannot be read: reading its weights says why. */
function metadataOf(weights: string): Record<string, string> {
  try {
    return safetensorsMetadata(readRegularBytes(weights, MOST_BYTES), weights);
  } catch {
    return {};
  }
}

function readJson(file: string): unknown {
  try {
    return parsed(readNamed(file, MOST).toString('utf8'), file);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(`${file}: cannot be read: ${messageOf(error)}`, systemFix(error));
  }
}

function parsed(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ConfigError(
      `${file}: not JSON: ${messageOf(error)}`,
      'give --preprocessing config to do without it',
    );
  }
}
