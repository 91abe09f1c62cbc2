/** What the options of commands may be, and are unless they are given: for the commands themselves and for their help. */
import type { EngineChoice } from '../engine/select.js';

/** Seconds that a rank waits for others. */
export const RANK_TIMEOUT = 600;

export const DEFAULT_ENGINE: EngineChoice = 'auto';

export const CHECKPOINT_CHOICES = ['best', 'last'] as const;
export type CheckpointChoice = (typeof CHECKPOINT_CHOICES)[number];

/** Of every command that runs trained networks. */
export const MODEL_DEFAULTS = {
  engine: DEFAULT_ENGINE,
  precision: 'float32',
  checkpoint: 'best',
} as const;

export const EVAL_DEFAULTS = { combine: 'average', average: 'softmax' } as const;

export const PREDICT_DEFAULTS = { ...MODEL_DEFAULTS, topk: 5 } as const;

export const BENCH_DATA = ['synthetic', 'config'] as const;
export const BENCH_DEFAULTS = { mode: 'config', data: 'synthetic', steps: 10, warmup: 3 } as const;

export const CHECK_DEFAULTS = { minSide: 32, examples: 5 } as const;

export const PREPARE_FORMATS = ['shards', 'copies'] as const;
export type PrepareFormat = (typeof PREPARE_FORMATS)[number];
export const PREPARE_DEFAULTS = { format: 'shards' } as const;

export const PROBE_DEFAULTS = { batches: 32, checkpoint: 'last' } as const;

export const PREVIEW_DEFAULTS = { n: 32, out: 'preview.png' } as const;

export const REPORT_DEFAULTS = { out: 'report.html', images: 24 } as const;

export const WATCH_DEFAULTS = { port: 7337, host: '127.0.0.1' } as const;

export const STUDY_DEFAULTS = {
  jobs: 1,
  wait: false,
  retry: false,
  redo: false,
  table: false,
} as const;
