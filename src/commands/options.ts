import { join } from 'node:path';
import envPaths from 'env-paths';
import type { EngineChoice } from '../engine/select.js';

/** Options that several commands share, as commander parses them. */
export interface ConfigOptions {
  /** `--set a.b.c=value`, in order. */
  set: string[];
}

export interface EngineOptions {
  engine: EngineChoice;
}

/** The per-user folder for what is computed once: data statistics. `RELAYBP_CACHE_DIR` overrides it. */
export function cacheDir(): string {
  return process.env.RELAYBP_CACHE_DIR ?? join(envPaths('relaybp', { suffix: '' }).cache, 'data');
}
