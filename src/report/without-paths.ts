import { homedir, userInfo } from 'node:os';
import { basename, dirname, isAbsolute, resolve } from 'node:path';
import type { ReportData } from './page-data.js';

/** In place of what is left out. */
const LEFT_OUT = '…';

/**
 * A page's data without where things lie on this machine and what it is called: runs are called by their folder's name
 * alone, images by what comes after the data root, and of every other absolute path its last part is left. Host names,
 * and the user's where it stands by itself, are left out.
 */
export function withoutPaths(data: ReportData): ReportData {
  const known = knownPlaces(data);
  const names = hidden(data);
  const clean = (text: string): string => {
    let out = text;
    for (const [place, instead] of known) out = out.replaceAll(place, instead);
    for (const path of [UPWARDS, ABSOLUTE]) {
      out = out.replace(path, (found: string) => `${LEFT_OUT}/${basename(found)}`);
    }
    for (const name of names) out = out.replace(name, LEFT_OUT);
    return out;
  };
  const cleaned = mapStrings(data, clean) as ReportData;
  for (const run of cleaned.runs) {
    for (const session of run.sessions) {
      session.host = LEFT_OUT;
      session.folder = LEFT_OUT;
    }
  }
  tellApart(cleaned.runs);
  tellApart(cleaned.groups);
  return cleaned;
}

/** Labels that were told apart by their folders alone are numbered. */
function tellApart(labelled: { label: string }[]): void {
  if (new Set(labelled.map(({ label }) => label)).size === labelled.length) return;
  labelled.forEach((one, i) => {
    one.label = `${i + 1}: ${one.label}`;
  });
}

/** Absolute, on Linux and macOS or on Windows, where it stands in a text: what is no path may stand before it. */
const ABSOLUTE =
  /(?<![\w.…~/\\-])(?:[A-Za-z]:)?[\\/](?:[^\s"'`<>|:;,()[\]{}\\/]+[\\/])*[^\s"'`<>|:;,()[\]{}\\/]+/g;

/** Relative, but out of the folder that it was written in. */
const UPWARDS =
  /(?<![\w./\\-])(?:\.\.?[\\/])*\.\.[\\/](?:[^\s"'`<>|:;,()[\]{}\\/]+[\\/])*[^\s"'`<>|:;,()[\]{}\\/]+/g;

/** Folders whose place in a text says what they are; longer ones first, as they lie in each other. */
function knownPlaces({ runs }: ReportData): [string, string][] {
  const places = new Map<string, string>();
  for (const { folder, sessions, settings } of runs) {
    places.set(resolve(folder), basename(resolve(folder)));
    if (folder.includes('/')) places.set(folder, basename(resolve(folder)));
    const root: unknown = JSON.parse(settings['data.root'] ?? '""');
    if (typeof root === 'string' && isAbsolute(root)) places.set(root, basename(root));
    for (const session of sessions) {
      if (isAbsolute(session.folder) && dirname(session.folder) !== session.folder) {
        places.set(session.folder, LEFT_OUT);
      }
    }
  }
  if (dirname(homedir()) !== homedir()) places.set(homedir(), '~');
  return [...places].filter(([place]) => place !== '').sort(([a], [b]) => b.length - a.length);
}

/** Of hosts and of this user, where they stand alone: shorter ones would be found in other words. */
function hidden({ runs }: ReportData): RegExp[] {
  const names = new Set(runs.flatMap(({ sessions }) => sessions.map(({ host }) => host)));
  try {
    names.add(userInfo().username);
  } catch {
    // a user without an account has no name
  }
  return [...names]
    .filter((name) => name.length > 2 && name !== 'root')
    .map((name) => new RegExp(`(?<![\\w-])${escaped(name)}(?![\\w-])`, 'g'));
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** A copy with every text changed, keys included, but for pictures. */
function mapStrings(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((item) => mapStrings(item, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      key === 'picture' ? item : mapStrings(item, change),
    ]),
  );
}
