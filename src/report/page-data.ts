import type { Calibration } from '../eval/calibration.js';
import type { ClassMetrics } from '../eval/class-metrics.js';
import type { GradientRow } from '../run/gradient-row.js';
import type { Session } from '../run/session.js';
import type { SignalRow } from '../run/signal-row.js';
import type { State } from '../run/training-state.js';
import type { StudyStanding } from '../study/study-standing.js';
import type { StudyTable } from '../study/table-schema.js';

export type { State, StudyStanding, StudyTable };

/**
 * What the page shows, as JSON: embedded in a report, fetched by a watched page. Plain data, known to Node and the
 * browser alike (docs/report.md).
 */
export interface ReportData {
  formatVersion: 1;
  /** Version that made it. */
  relaybp: string;
  /** ISO 8601, UTC. */
  generated: string;
  runs: RunReport[];
  /** Every run is in one of them. */
  groups: RunGroup[];
  /** Of a study's folder: what its table has. */
  study: StudyTable | null;
  /** Of a study that is watched: how far it is. */
  standing: StudyStanding | null;
}

/** Runs whose configs differ by their seed alone, or a run by itself. */
export interface RunGroup {
  /** Unique among the groups. */
  label: string;
  /** Positions in `runs`. */
  runs: number[];
}

/** With losses over time that of the first phase. */
export type Method = 'standard BP' | 'multi-loss' | 'relay BP' | 'disjoint ranges';

export interface RunReport {
  /** Unique within the page. */
  label: string;
  folder: string;
  /** What its losses' ranges amount to. */
  method: Method;
  state: State;
  step: number;
  /** Null before the training has said so. */
  totalSteps: number | null;
  /** The column of `val` that the best evaluation goes by: of accuracies the highest, of losses the lowest. */
  bestBy: string;
  facts: RunFacts;
  /** From its beginning to its last resume; none of a run that did not write them down. */
  sessions: Session[];
  /** The resolved config as YAML, and flattened to `key.path` → value to compare runs by. */
  yaml: string;
  settings: Record<string, string>;
  network: NetworkFigure;
  train: Columns;
  val: Columns;
  gradients: GradientRow[];
  signals: SignalRow[];
  /** Null where there is nothing to show; `missing` says why and what to do. */
  validation: ValidationReport | null;
  missing: string | null;
  /** What its files hold that is not shown, and why; a sentence each. */
  leftOut: string[];
}

export interface RunFacts {
  parameters: number;
  auxiliaryParameters: number;
  /** Of a training step over standard BP's. */
  relativeCost: number;
  trainingImages: number | null;
  /** In which order images are drawn, and how they are varied, in words. */
  sampler: string;
  augmentation: string;
  /** How the learning rate goes, in words. */
  schedule: string;
  engine: string | null;
  /** Spent training, over all its sessions. */
  seconds: number | null;
  peakMemoryMiB: number | null;
}

/** The known columns of metrics.jsonl, all of the same length, by step; null where a row has no such number. */
export interface Columns {
  step: number[];
  epoch: number[];
  [column: string]: (number | null)[];
}

/** Figure 2 of the paper: the trunk in segments, the heads, and each loss's range. Indices count trunk layers. */
export interface NetworkFigure {
  input: readonly number[];
  segments: { name: string; layers: FigureLayer[] }[];
  /** Each as it is when it is first on. */
  losses: FigureLoss[];
  /** Where losses are switched or change their ranges: what holds from when on; else empty. */
  phases: FigurePhase[];
}

export interface FigurePhase {
  /** `from 20 epochs on: auxiliary is off` */
  title: string;
  method: Method;
  /** Those that are on. */
  losses: FigureLoss[];
}

export interface FigureLayer {
  name: string;
  /** For instance `conv 3x3 relu`. */
  what: string;
  type: string;
  output: readonly number[];
  parameters: number;
  trainable: boolean;
}

export interface FigureLoss {
  name: string;
  /** Among the losses of the config: its colour. */
  place: number;
  /** In the first step. */
  weight: number;
  /** How it changes over the training, in words; null where it does not. */
  weightChange: string | null;
  primary: boolean;
  /** The head reads the output of this layer. */
  tap: number;
  /** Lowest layer of the range; above `tap` if it holds no trunk layer. */
  bottom: number;
  head: FigureLayer[];
}

/** The best evaluation of the training, or any results of `relaybp eval`, image by image and class by class. */
export interface ValidationReport {
  /** The file that it comes from. */
  source: string;
  /** Of the checkpoint; null for a file given by hand. */
  step: number | null;
  images: number;
  /** Percent. */
  top1: number;
  top5: number;
  classes: string[];
  perClass: ClassResult[];
  /** Means over the classes that have images; percent. */
  macro: ClassMetrics;
  calibration: Calibration;
  /** What a reader has to know of the scores. */
  notes: string[];
  /** `[label, predicted, images]`, zeros left out. */
  confusion: [number, number, number][];
  galleries: Gallery[];
}

export interface ClassResult extends ClassMetrics {
  images: number;
  /** Percent; null without images. */
  top1: number | null;
  top5: number | null;
  /** 95 % interval of `top1` (Wilson), percent. */
  interval: [number, number];
}

export interface Gallery {
  title: string;
  images: GalleryImage[];
}

export interface GalleryImage {
  path: string;
  /** A data URI in a report, an address on the server in a watched page; null where there is no such file any more. */
  picture: string | null;
  label: number;
  /** Of the label among the predictions, from 1. */
  rank: number;
  /** `[class, probability]`, best first. */
  best: [number, number][];
}
