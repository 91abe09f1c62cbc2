/** The images of an index with their labels by another class list. */
import type { ImageIndex } from './image-index.js';
import { oneForm } from './unicode-forms.js';

/** The same index where the classes are the same already. @returns a class that has images and is not in the list instead */
export function relabelled(index: ImageIndex, classes: readonly string[]): ImageIndex | string {
  if (sameOrder(index.classes, classes)) return index;
  const positions = new Map(classes.map((name, label) => [oneForm(name), label]));
  const map = index.classes.map((name) => positions.get(oneForm(name)) ?? -1);
  const labels = new Int32Array(new SharedArrayBuffer(4 * index.count));
  for (let i = 0; i < index.count; i++) {
    const label = index.labels[i]!;
    if (map[label] === -1) return index.classes[label]!;
    labels[i] = map[label]!;
  }
  return { ...index, classes, labels };
}

export const sameOrder = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((name, i) => name === b[i]);

/** Whether the classes are the same, in whatever order. */
export function sameClasses(a: readonly string[], b: readonly string[]): boolean {
  const names = new Set(a.map(oneForm));
  return a.length === b.length && b.every((name) => names.has(oneForm(name)));
}
