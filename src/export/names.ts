import { INPUT, LOGITS, PROBABILITIES } from './exported-model.js';

/** Names of a graph's nodes: those of its interface are taken, and a layer of such a name gets another. */
export class Names {
  private readonly taken = new Set<string>([INPUT, LOGITS, PROBABILITIES]);

  unused(wanted: string): string {
    let name = wanted;
    for (let n = 2; this.taken.has(name); n++) name = `${wanted}_${n}`;
    this.taken.add(name);
    return name;
  }
}
