/**
 * Does work for the numbers from `first` to `end − 1`, up to `ahead` + 1 of them at once, and gives the results in order.
 * Whoever leaves early waits for what has begun.
 */
export async function* ordered<T>(
  first: number,
  end: number,
  ahead: number,
  work: (i: number) => Promise<T>,
): AsyncGenerator<T> {
  const queue: Promise<T>[] = [];
  try {
    for (let i = first, next = first; i < end; i++) {
      while (next < end && next <= i + ahead) {
        const result = work(next++);
        result.catch(() => {}); // told when it is its turn
        queue.push(result);
      }
      yield await queue.shift()!;
    }
  } finally {
    await Promise.allSettled(queue);
  }
}
