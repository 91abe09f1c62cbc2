export type PassOrder = (pass: number, make: () => Int32Array) => Int32Array;

/** Remembers the permutation of the pass that was asked for last. */
export function cachedOrder(): PassOrder {
  let current = -1;
  let order: Int32Array = new Int32Array(0);
  return (pass, make) => {
    if (pass !== current) {
      order = make();
      current = pass;
    }
    return order;
  };
}
