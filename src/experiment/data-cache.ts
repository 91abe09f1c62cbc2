/** What is kept of a data set from one command to the next: its index, its statistics. */
import { join } from 'node:path';
import { IndexCache, type IndexCacheOptions } from '../data/index/index-cache.js';
import { userCache } from '../user-cache.js';

/** The per-user folder of it. `RELAYBP_CACHE_DIR` overrides it. */
export function cacheDir(): string {
  return process.env.RELAYBP_CACHE_DIR || join(userCache('RELAYBP_CACHE_DIR'), 'data');
}

/** The indexes of that folder, for one command. */
export const indexCache = (options: Omit<IndexCacheOptions, 'folder'>): IndexCache =>
  new IndexCache({ folder: cacheDir(), ...options });
