/** One of the ranks of operations.test.ts: says what came out, in a line of JSON. */
const { openRanks } = await import('../../dist/distributed/open-ranks.js');
const what = process.argv[2];
const ranks = await openRanks({ timeout: 2 });
const { rank, size } = ranks;

/** Values of which sums depend on their order. */
function valuesOf(owner, length) {
  let state = owner + 1;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.3;
  });
}

function addedInOrder(length) {
  const sum = valuesOf(0, length);
  for (let other = 1; other < size; other++) {
    const values = valuesOf(other, length);
    for (let i = 0; i < length; i++) sum[i] += values[i];
  }
  return sum;
}

async function sums() {
  const lengths = [1, 2, 3, 1000, 100_003, 1_000_003];
  const memory = lengths.map((length) => {
    const values = ranks.memory('float32', length);
    values.set(valuesOf(rank, length));
    return values;
  });
  const operations = memory.map((values) => ranks.allReduce(values)); // all at once
  for (const operation of operations) await operation.wait();
  const same = lengths.map((length, i) => {
    const wanted = addedInOrder(length);
    return memory[i].every((value, at) => Object.is(value, wanted[at]));
  });
  const doubles = ranks.memory('float64', 5);
  doubles.fill(rank + 0.5);
  await ranks.allReduce(doubles).wait();
  const text = await ranks.broadcast(Buffer.from(rank === 0 ? 'from rank 0' : 'not this'));
  const gathered = await ranks.gather(Buffer.from('x'.repeat(rank)));
  return {
    rank,
    size,
    same,
    doubles: [...doubles],
    text: Buffer.from(text).toString(),
    lengths: gathered.map((each) => each.length),
  };
}

if (what === 'sums') {
  console.log(JSON.stringify(await sums()));
  await ranks.close();
} else if (what === 'hang' && rank === 1) {
  for (;;); // its thread of MPI goes on
} else if (what === 'stand-still' && rank === 1) {
  process.kill(process.pid, 'SIGSTOP');
} else if (what === 'first-hangs' && rank === 0) {
  for (;;);
} else if (what === 'die' && rank === 1) {
  process.kill(process.pid, 'SIGKILL');
} else {
  try {
    await ranks.barrier();
  } catch (error) {
    console.error(error.message);
    await ranks.abort(7);
  }
}
