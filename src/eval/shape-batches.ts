import type { NetworkInput } from './protocol.js';

/** Equally large inputs that go through the network together, each with the tag it was added under. */
export interface ShapeBatch<Tag> {
  readonly height: number;
  readonly width: number;
  readonly items: readonly { readonly data: Float32Array; readonly tag: Tag }[];
}

interface Group<Tag> {
  height: number;
  width: number;
  items: { data: Float32Array; tag: Tag }[];
  /** When its oldest input came. */
  since: number;
}

export interface ShapeBatchLimits {
  /** Pixels of one batch: a batch has as many images of its size as fit, and at least one. */
  batch: number;
  /** Pixels that may wait in all groups together. */
  waiting: number;
  /** Inputs that may come in after one that waits. */
  patience: number;
}

/**
 * Groups inputs of any sizes into batches of equal size, so that nothing is padded. What waits is bounded: beyond
 * that the largest group goes as it is, and no input waits for company for ever.
 */
export class ShapeBatches<Tag> {
  private readonly groups = new Map<string, Group<Tag>>();
  private pixels = 0;
  private clock = 0;

  constructor(private readonly limits: ShapeBatchLimits) {}

  /** Takes over the input. @returns the batches that have become due */
  add({ data, height, width }: NetworkInput, tag: Tag): ShapeBatch<Tag>[] {
    const key = `${height}x${width}`;
    const group = this.groups.get(key) ?? { height, width, items: [], since: this.clock };
    this.groups.set(key, group);
    group.items.push({ data, tag });
    this.clock += 1;
    this.pixels += height * width;
    const room = Math.max(1, Math.floor(this.limits.batch / (height * width)));
    const due = group.items.length >= room ? [this.take(group)] : [];
    // Groups lie in the order of their oldest inputs: a taken group is removed, and begins again at the end.
    const [oldest] = this.groups.values();
    if (oldest && this.clock - oldest.since > this.limits.patience) due.push(this.take(oldest));
    while (this.pixels > this.limits.waiting) due.push(this.take(this.largest()));
    return due;
  }

  /** All that still wait. */
  drain(): ShapeBatch<Tag>[] {
    return [...this.groups.values()].map((group) => this.take(group));
  }

  private largest(): Group<Tag> {
    const size = (group: Group<Tag>): number => group.items.length * group.height * group.width;
    return [...this.groups.values()].reduce((a, b) => (size(b) > size(a) ? b : a));
  }

  private take(group: Group<Tag>): ShapeBatch<Tag> {
    this.groups.delete(`${group.height}x${group.width}`);
    this.pixels -= group.items.length * group.height * group.width;
    return group;
  }
}
