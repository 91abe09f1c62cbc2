/** Where pip may fetch from: the index that the user has chosen, and none beside it. */
import { devNull } from 'node:os';
import { execute } from './process.js';

/** What says how the one index is reached. */
const KEPT = [
  ...['index-url', 'proxy', 'cert', 'client-cert', 'trusted-host'],
  ...['timeout', 'default-timeout', 'retries', 'no-index'],
];
/** What would bring in others, or put the packages elsewhere. */
const DROPPED = [
  'extra-index-url',
  'find-links',
  'constraint',
  'requirement',
  'user',
  'prefix',
  'target',
  'root',
];

/**
 * Environment variables for pip. Its files of settings are not read, as what they say besides cannot be taken back one
 * by one; what counts of them is in the variables. A folder of wheels (`find-links`) counts where there is no index at
 * all (`no-index`).
 */
export async function pipSettings(): Promise<Record<string, string>> {
  const { stdout } = await execute('python3', ['-m', 'pip', 'config', 'list']);
  return settingsOf(stdout);
}

/** @param listed what `pip config list` prints: `global.index-url='…'`, and `:env:.index-url='…'` of variables */
export function settingsOf(listed: string): Record<string, string> {
  const found = new Map<string, string>();
  // Those of a command go before those of all, and variables before both.
  for (const section of ['global', 'install', ':env:']) {
    for (const line of listed.split('\n')) {
      const [, of, key, value] = /^(global|install|:env:)\.([\w-]+)=['"](.*)['"]$/.exec(line) ?? [];
      if (of === section && key !== undefined) found.set(key, value ?? '');
    }
  }
  const offline = ['1', 'true', 'yes', 'on'].includes((found.get('no-index') ?? '').toLowerCase());
  const kept = offline ? [...KEPT, 'find-links'] : KEPT;
  const variable = (key: string): string => `PIP_${key.replaceAll('-', '_').toUpperCase()}`;
  return {
    PIP_CONFIG_FILE: devNull,
    ...Object.fromEntries(DROPPED.map((key) => [variable(key), ''])),
    ...Object.fromEntries(
      kept.flatMap((key) => (found.has(key) ? [[variable(key), found.get(key)!]] : [])),
    ),
    PIP_USER: '0',
  };
}
