/** Checks a whole data set: its images one by one, its copies, and its classes. */

import { type ImageIndex, imagePath } from '../data/index/image-index.js';
import { ImageReader } from '../data/loader/image-reader.js';
import { classHistogram } from '../data/sampling/class-histogram.js';
import { type DuplicateFacts, markDuplicates, markLookAlikes } from './duplicates.js';
import type { Limits } from './inspect.js';
import { type Findings, inspectAll, reasonKey } from './inspector.js';
import { KINDS, type KindName, PROBLEMS } from './kinds.js';
import { lookAlikes } from './look-alikes.js';

/** A part of a data set: `train`, say, or '.' where there is only one. */
export interface CheckedPart {
  name: string;
  index: ImageIndex;
}

/** An image that was named as an example of a kind. */
export interface Example {
  path: string;
  /** Why, or of which image it is a copy; null where the kind says it all. */
  reason: string | null;
}

export interface KindReport {
  count: number;
  problem: boolean;
  examples: Example[];
}

export interface PartReport {
  name: string;
  images: number;
  /** Classes with at least one image. */
  classes: number;
  emptyClasses: string[];
  /** Classes that the first part lacks, so that a network trained on that cannot know them. */
  unknownClasses: string[];
  /** Images of each class. */
  counts: Record<string, number>;
  largest: { name: string; images: number };
  smallest: { name: string; images: number };
  /** Images of the largest class over those of the smallest that has any. */
  imbalance: number;
}

/** Format version 1, documented in docs/data.md. */
export interface CheckReport {
  root: string;
  images: number;
  parts: PartReport[];
  kinds: Record<KindName, KindReport>;
  duplicates: DuplicateFacts;
  /** Images with at least one problem, and unknown classes. */
  problems: number;
}

export interface Checked {
  report: CheckReport;
  /** Findings of the images of each part, in the order of its index. */
  findings: Uint32Array[];
}

export interface CheckOptions extends Limits {
  /** Images named for each kind. */
  examples: number;
  onProgress: (done: number, total: number) => void;
}

/** @param parts at least one; the first is the one to train on */
export async function checkParts(
  root: string,
  parts: readonly CheckedPart[],
  options: CheckOptions,
): Promise<Checked> {
  const total = parts.reduce((sum, { index }) => sum + index.count, 0);
  const all: Findings = {
    findings: new Uint32Array(total),
    high: new Uint32Array(total),
    low: new Uint32Array(total),
    looks: { high: new Uint32Array(total), low: new Uint32Array(total) },
    reasons: new Map(),
  };
  const places = { parts: new Uint8Array(total), classes: new Int32Array(total) };
  const classes = new Map<string, number>();
  const starts: number[] = [];
  let start = 0;
  for (const [p, { index }] of parts.entries()) {
    starts.push(start);
    const part = await inspectAll(index, options, (done) =>
      options.onProgress(start + done, total),
    );
    all.findings.set(part.findings, start);
    all.high.set(part.high, start);
    all.low.set(part.low, start);
    all.looks.high.set(part.looks.high, start);
    all.looks.low.set(part.looks.low, start);
    for (const [key, reason] of part.reasons) all.reasons.set(reasonKey(start, null) + key, reason);
    for (const name of index.classes) if (!classes.has(name)) classes.set(name, classes.size);
    const ids = index.classes.map((name) => classes.get(name)!);
    places.parts.fill(p, start, start + index.count);
    for (let i = 0; i < index.count; i++) places.classes[start + i] = ids[index.labels[i]!]!;
    start += index.count;
  }
  const path = (image: number): string => {
    const p = places.parts[image]!;
    return imagePath(parts[p]!.index, image - starts[p]!);
  };
  const [twins, alike] = [new Map<number, number>(), new Map<number, number>()];
  const duplicates = markDuplicates(all.findings, all, places, (image, twin) => {
    if (twins.size < MAX_TWINS) twins.set(image, twin);
  });
  const readers = parts.map(({ index }) => new ImageReader(index, options.maxPixels));
  try {
    const groups = await lookAlikes(all.looks, async (image, side) => {
      const p = places.parts[image]!;
      return (await readers[p]!.load(image - starts[p]!)).decode({ resize: side });
    });
    markLookAlikes(all.findings, all, places.parts, groups, (image, twin) => {
      if (alike.size < MAX_TWINS) alike.set(image, twin);
    });
  } finally {
    await Promise.all(readers.map((reader) => reader.close()));
  }
  const kinds = kindReports(all.findings, options.examples, (image, kind) => {
    const twin = (LIKENESS.has(kind) ? alike : twins).get(image);
    if (COPIES.has(kind) || LIKENESS.has(kind))
      return { path: path(image), reason: twin === undefined ? null : path(twin) };
    return { path: path(image), reason: all.reasons.get(reasonKey(image, kind)) ?? null };
  });
  const partReports = parts.map((part) => partReport(part, parts[0]!.index));
  const bad = all.findings.reduce((sum, bits) => sum + ((bits & PROBLEMS) !== 0 ? 1 : 0), 0);
  const unknown = partReports.reduce((sum, { unknownClasses }) => sum + unknownClasses.length, 0);
  return {
    report: {
      root,
      images: total,
      parts: partReports,
      kinds,
      duplicates,
      problems: bad + unknown,
    },
    findings: parts.map(({ index }, p) =>
      all.findings.subarray(starts[p]!, starts[p]! + index.count),
    ),
  };
}

/** Copies whose original is kept to be named. */
const MAX_TWINS = 100_000;
const LIKENESS: ReadonlySet<string> = new Set<KindName>(['alikeInSeveralParts', 'lookAlike']);
const COPIES: ReadonlySet<string> = new Set<KindName>([
  'duplicate',
  'conflictingLabels',
  'inSeveralParts',
]);

function kindReports(
  findings: Uint32Array,
  examples: number,
  example: (image: number, kind: KindName) => Example,
): Record<KindName, KindReport> {
  const reports = KINDS.map(({ problem }): KindReport => ({ count: 0, problem, examples: [] }));
  for (const [image, bits] of findings.entries()) {
    for (let k = 0, rest = bits; rest !== 0 && k < KINDS.length; k++, rest >>= 1) {
      if ((rest & 1) === 0) continue;
      const report = reports[k]!;
      if (report.count++ < examples) report.examples.push(example(image, KINDS[k]!.name));
    }
  }
  return Object.fromEntries(KINDS.map(({ name }, k) => [name, reports[k]!])) as Record<
    KindName,
    KindReport
  >;
}

function partReport({ name, index }: CheckedPart, first: ImageIndex): PartReport {
  const { counts, empty, imbalance } = classHistogram(index);
  const known = new Set(first.classes);
  return {
    name,
    images: index.count,
    classes: counts.length,
    emptyClasses: empty,
    unknownClasses: index.classes.filter((className) => !known.has(className)),
    counts: Object.fromEntries([
      ...index.classes.map((className) => [className, 0]), // in this order
      ...counts.map((one) => [one.name, one.images]),
    ]),
    largest: counts[0]!,
    smallest: counts.at(-1)!,
    imbalance: Number(imbalance.toFixed(2)),
  };
}
