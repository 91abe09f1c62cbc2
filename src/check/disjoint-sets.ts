/** Groups of images that grow together; a group is known by its lowest image. */
export class DisjointSets {
  private readonly parent: Uint32Array;

  constructor(count: number) {
    this.parent = Uint32Array.from({ length: count }, (_, i) => i);
  }

  of(image: number): number {
    let root = image;
    while (this.parent[root] !== root) root = this.parent[root]!;
    for (let at = image; at !== root; ) {
      const next = this.parent[at]!;
      this.parent[at] = root;
      at = next;
    }
    return root;
  }

  join(a: number, b: number): void {
    const [one, other] = [this.of(a), this.of(b)];
    this.parent[Math.max(one, other)] = Math.min(one, other);
  }

  all(): Uint32Array {
    return this.parent.map((_, image) => this.of(image));
  }
}
