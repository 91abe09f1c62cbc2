/** Counts bytes by kind as they come and go, and remembers the most of each kind and of all together. */
export class Tally<Kind extends string> {
  private readonly alive = new Map<Kind, number>();
  private readonly most = new Map<Kind, number>();
  private peak = 0;

  add(kind: Kind, bytes: number): void {
    const now = (this.alive.get(kind) ?? 0) + bytes;
    this.alive.set(kind, now);
    this.most.set(kind, Math.max(this.most.get(kind) ?? 0, now));
    this.peak = Math.max(this.peak, this.total());
  }

  drop(kind: Kind, bytes: number): void {
    this.add(kind, -bytes);
  }

  /** As if so many bytes more were alive for a moment. */
  pass(kind: Kind, bytes: number): void {
    this.add(kind, bytes);
    this.drop(kind, bytes);
  }

  /** Most of one kind at any time. */
  mostOf(kind: Kind): number {
    return this.most.get(kind) ?? 0;
  }

  /** Most of all kinds together at any time. */
  mostOfAll(): number {
    return this.peak;
  }

  private total(): number {
    return [...this.alive.values()].reduce((sum, bytes) => sum + bytes, 0);
  }
}
