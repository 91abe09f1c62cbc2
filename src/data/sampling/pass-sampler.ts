/**
 * Sampling by class shares in passes. A pass holds about as many draws as there are images: so many of each class as
 * its share asks for, in random order.
 *
 * How many draws a class has had before a pass is a closed formula of the pass, rounded down after a fixed offset of
 * its own. So over any number of passes a class is within one draw of its share, a pass can be made without those
 * before it, and a position alone says what is drawn there. Making a pass takes time in proportion to its length, a
 * draw within it constant time; memory is 4 bytes per draw of one pass.
 */
import { permutation, Random, shuffle } from '../../random.js';
import type { ClassLists } from '../index/class-lists.js';

/** What every pass holds. Only classes that have images are asked for. */
export interface PassPlan {
  /** Draws of a pass in the mean; a pass differs from it by less than the number of classes. */
  readonly length: number;
  /** Draws of class `c` in all passes before `pass`: an integer, 0 for pass 0, never less for a later pass. */
  before(pass: number, c: number): number;
  /**
   * 'in-turn': the images of a class are drawn from one reshuffled list after another, whatever pass that falls in.
   * 'anew': in each pass every image of a class is drawn equally often, but for a random few that are drawn once more.
   */
  readonly images: 'in-turn' | 'anew';
}

export interface PassSampler {
  /** Image index at a position, an integer ≥ 0. */
  at(position: number): number;
}

export function passSampler(lists: ClassLists, seed: number, plan: PassPlan): PassSampler {
  const { images, starts } = lists;
  const classes = filledClasses(lists);
  let start = 0;
  let drawn = new Int32Array(0);

  const before = (pass: number): number =>
    classes.reduce((sum, c) => sum + plan.before(pass, c), 0);
  const sizeOf = (pass: number): number =>
    classes.reduce((sum, c) => sum + plan.before(pass + 1, c) - plan.before(pass, c), 0);

  const load = (position: number): void => {
    let pass = Math.floor(position / plan.length);
    start = before(pass);
    while (position < start) start = before(--pass);
    for (let size = sizeOf(pass); position - start >= size; size = sizeOf(pass)) {
      start = before(++pass);
    }
    drawn = make(pass);
  };

  const make = (pass: number): Int32Array<ArrayBuffer> => {
    const order = new Int32Array(sizeOf(pass));
    let at = 0;
    for (const c of classes) {
      const own = images.subarray(starts[c]!, starts[c + 1]!);
      const first = plan.before(pass, c);
      const count = plan.before(pass + 1, c) - first;
      const part = order.subarray(at, at + count);
      if (plan.images === 'in-turn') inTurn(part, own, first, seed, c);
      else anew(part, own, seed, c, pass);
      at += count;
    }
    shuffle(order, new Random(seed, 'pass', pass));
    return order;
  };

  return {
    at(position) {
      if (position < start || position - start >= drawn.length) load(position);
      return drawn[position - start]!;
    },
  };
}

/** Classes that have images. */
export function filledClasses({ starts }: ClassLists): number[] {
  const classes: number[] = [];
  for (let c = 0; c + 1 < starts.length; c++) if (starts[c + 1]! > starts[c]!) classes.push(c);
  return classes;
}

/** Draws number `first` and following of a class, out of its lists, each reshuffled. */
function inTurn(out: Int32Array, own: Int32Array, first: number, seed: number, c: number): void {
  const n = own.length;
  let list = Math.floor(first / n);
  let entry = first - list * n;
  for (let at = 0; at < out.length; list++, entry = 0) {
    const order = permutation(n, new Random(seed, 'images', c, list));
    while (entry < n && at < out.length) out[at++] = own[order[entry++]!]!;
  }
}

/** Every image equally often, and a random few once more. */
function anew(out: Int32Array, own: Int32Array, seed: number, c: number, pass: number): void {
  const n = own.length;
  const whole = Math.floor(out.length / n);
  for (let i = 0; i < whole; i++) out.set(own, i * n);
  const rest = out.length - whole * n;
  if (rest === 0) return;
  const order = permutation(n, new Random(seed, 'repeats', c, pass));
  for (let i = 0; i < rest; i++) out[whole * n + i] = own[order[i]!]!;
}
