/** Trials of operations that not every device has: each is run, and its numbers are compared with the plain ones'. */

import type { Precision, Trial } from '../../engine.js';
import { type Binding, DataType } from '../runtime/binding.js';
import { type Mode, PORTABLE } from '../runtime/mode.js';
import { Runtime } from '../runtime/runtime.js';
import type { Probe } from './probes.js';

/** TensorFlow's plain operations in float32, which every device has: what others are compared with. */
export const PLAIN: Mode = { maps: DataType.float, products: DataType.float, ...PORTABLE };

/**
 * How far apart the results of two ways to compute the same may be, as the norm of the difference over that of the result:
 * in float32 sums in another order, in bf16 two roundings to eight bits. A kernel that adds up in bfloat16 is two to four
 * roundings off in these probes, and more the longer its sums are.
 */
const TOLERANCE: Readonly<Record<Precision, number>> = { float32: 1e-5, bf16: 2 ** -8 };

const WRONG: Readonly<Record<Precision, string>> = {
  float32: 'it computes other numbers than the plain operations',
  bf16: 'it rounds more than its result',
};

export class Trials {
  /** All that was tried so far. */
  readonly done: Trial[] = [];
  private readonly expected = new Map<Probe, Float32Array[]>();

  constructor(private readonly binding: Binding) {}

  /** @returns whether `probe` runs in this mode, with the numbers of the plain operations */
  try(trial: Omit<Trial, 'problem'>, mode: Mode, probe: Probe): boolean {
    const problem = this.problemOf(trial.type, mode, probe);
    this.done.push({ ...trial, problem });
    return problem === null;
  }

  /** Notes that something is not used, for a reason that needs no trial. */
  leaveOut(trial: Omit<Trial, 'problem'>, problem: string): false {
    this.done.push({ ...trial, problem });
    return false;
  }

  private problemOf(type: Precision, mode: Mode, probe: Probe): string | null {
    let expected = this.expected.get(probe);
    if (!expected) {
      expected = this.run(PLAIN, probe);
      this.expected.set(probe, expected);
    }
    try {
      const actual = this.run(mode, probe);
      const close = expected.every((values, i) => isClose(actual[i]!, values, TOLERANCE[type]));
      return close ? null : WRONG[type];
    } catch (error) {
      return reasonOf(error);
    }
  }

  private run(mode: Mode, probe: Probe): Float32Array[] {
    const runtime = new Runtime(this.binding, mode);
    try {
      return probe(runtime);
    } finally {
      runtime.close();
    }
  }
}

/** The message in one line; of oneDNN's what it says itself. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const line = message.replace(/^native engine: /, '').replace(/\s+/g, ' ');
  const [, op, own] =
    /^(.*? failed): .*message: (.+?)(?:\. Run workload|, in file)/.exec(line) ?? [];
  return own === undefined ? line : `${op}: ${own}`;
}

function isClose(actual: Float32Array, expected: Float32Array, tolerance: number): boolean {
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < expected.length; i++) {
    if (Number.isFinite(expected[i])) norm += expected[i]! ** 2;
    // Infinities too.
    if (actual[i] !== expected[i]) difference += (actual[i]! - expected[i]!) ** 2;
  }
  return Math.sqrt(difference) <= tolerance * Math.sqrt(norm);
}
