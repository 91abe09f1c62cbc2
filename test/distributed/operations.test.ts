import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { LAUNCHERS, launch, REQUIRED } from './launchers.js';

const RANKS = fileURLToPath(new URL('ranks.js', import.meta.url));

interface Sums {
  rank: number;
  size: number;
  same: boolean[];
  doubles: number[];
  text: string;
  lengths: number[];
}

test.skipIf(!REQUIRED)('both MPIs are installed', () => {
  expect(LAUNCHERS.map(({ name }) => name)).toEqual(['Open MPI', 'MPICH', "MPICH's standard ABI"]);
});

describe.each(LAUNCHERS)('$name', (launcher) => {
  test.each([2, 3])(
    'sums of %i ranks are those of adding one after another, to the bit',
    async (size) => {
      const { code, stdout, stderr } = await launch(launcher, size, [RANKS, 'sums']).end;
      expect(stderr).toBe('');
      expect(code).toBe(0);
      const said = stdout
        .trim()
        .split(/\r?\n/)
        .map((line) => JSON.parse(line) as Sums)
        .sort((a, b) => a.rank - b.rank);
      const doubles = (size * size) / 2; // 0.5 + 1.5 + …
      expect(said).toEqual(
        Array.from({ length: size }, (_, rank) => ({
          rank,
          size,
          same: [true, true, true, true, true, true],
          doubles: [doubles, doubles, doubles, doubles, doubles],
          text: 'from rank 0',
          lengths: Array.from({ length: size }, (_, i) => i),
        })),
      );
    },
  );

  test('a rank that computes for ever is named after the time-out, and all end', async () => {
    const { code, stderr } = await launch(launcher, 2, [RANKS, 'hang']).end;
    expect(stderr).toMatch(
      /rank 0 on \S+ has waited 2 s for other ranks: rank 1 on \S+ does not get there/,
    );
    expect(code).toBe(7);
  });

  test('rank 0 is named where it hangs', async () => {
    const { code, stderr } = await launch(launcher, 2, [RANKS, 'first-hangs']).end;
    expect(stderr).toMatch(
      /rank 1 on \S+ has waited 2 s for other ranks: rank 0 on \S+ does not answer/,
    );
    expect(code).toBe(7);
  });

  test('where a rank is killed all end', async () => {
    const { code } = await launch(launcher, 2, [RANKS, 'die']).end;
    expect(code).toBe(launcher.mpi === 'openmpi' ? 137 : 9);
  });
});
