/** Places that lack something that a home machine has: a folder for temporary files, a home folder, address space. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { colourImages } from '../support/images.js';
import { injecting, Workplace } from './support.js';

let images: string;
let place: Workplace;
beforeAll(async () => {
  images = await colourImages();
});
beforeEach(() => {
  place = new Workplace(images);
});

const status = (under: readonly string[]) => place.relaybp(['engine', 'status'], { under });

describe('the native engine', () => {
  it.each<[string, () => string]>([
    ['not there', () => place.at('nowhere')],
    [
      'a file',
      () => {
        writeFileSync(place.at('file'), '');
        return place.at('file');
      },
    ],
  ])('works with a TMPDIR that is %s, without a word', async (_, folder) => {
    const { code, stdout, stderr } = await status(['env', `TMPDIR=${folder()}`]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^native +works: TensorFlow/m);
  });

  it('works where nothing at all can be written', async () => {
    writeFileSync(place.at('read-only'), '');
    const under = injecting({ folder: '', readOnly: place.at('read-only') });
    const { code, stdout } = await status(under);
    expect(stdout).toMatch(/^native +works: TensorFlow/m);
    expect(code).toBe(0);
    // The fault was there: a file cannot be made.
    const { stderr } = await place.relaybp(['init', images, '--out', place.at('x.yaml')], {
      under,
    });
    expect(stderr).toMatch(/read-only/i);
  });
});

/** KiB of address space. */
const limited = (kibibytes: number): string[] => [
  'sh',
  '-c',
  `ulimit -v ${kibibytes} && exec "$@"`,
  'sh',
];

describe('a limit of the address space (ulimit -v) is named', () => {
  const train = (engine: string, kibibytes: number) =>
    place.relaybp(['train', 'c.yaml', '--out', 'run', '--engine', engine, '--max-steps', '1'], {
      under: limited(kibibytes),
    });

  it('where WebAssembly has no room, alone', async () => {
    const { code, stderr } = await train('wasm', 8e6);
    expect(stderr.trimEnd().split('\n')).toEqual([
      expect.stringMatching(
        /^error: wasm engine: .* did not start: .*memory.*; the address space of this process is limited to 7\.6 GiB \(ulimit -v\)$/,
      ),
      expect.stringMatching(/^hint: raise that limit to 16 GiB or lift it \(ulimit -v unlimited;/),
    ]);
    expect(code).toBe(1);
  });

  it('where TensorFlow has none', async () => {
    const { code, stderr } = await train('native', 1.5e6);
    expect(stderr).toMatch(/^error: native engine: .* is limited to 1\.4 GiB \(ulimit -v\)$/m);
    expect(stderr).toMatch(/^hint: raise that limit to 6 GiB or lift it/m);
    expect(stderr).not.toContain('reinstall');
    expect(code).toBe(1);
  });

  it('beforehand where it is so narrow that the process may abort', async () => {
    const { stdout, stderr } = await train('native', 2.5e6);
    expect(stdout + stderr).toContain(
      'the address space of this process is limited to 2.4 GiB (ulimit -v): a training may abort',
    );
    const { code, ...wide } = await train('native', 8e6);
    expect(code).toBe(0);
    expect(wide.stdout + wide.stderr).not.toContain('may abort');
    // Resizing by WebAssembly would reserve more than that: said, and sharp does it.
    expect(wide.stdout).toMatch(/JPEGs are decoded without libjpeg-turbo.* 7\.6 GiB \(ulimit -v\)/);
  });
});

describe('the home folder', () => {
  const own = ['RELAYBP_ENGINE_DIR=', 'XDG_CACHE_HOME='];

  it.each(['', 'relative', '.'])('of HOME=%j is that of the account', async (home) => {
    mkdirSync(place.at('relative'));
    const { stdout } = await status(['env', ...own, `HOME=${home}`]);
    const wanted = process.platform === 'darwin' ? 'Library/Caches' : '.cache';
    const account = userInfo().homedir;
    expect(stdout).toMatch(new RegExp(`^folder +${account}/${wanted}/relaybp/engine$`, 'm'));
    expect(readdirSync(place.cwd).sort()).toEqual(['c.yaml', 'relative']);
  });

  // Only root can be somebody else.
  it.runIf(process.getuid?.() === 0)('of a user without an account has to be named', async () => {
    const nobody = { under: ['env', '-u', 'HOME', ...own], uid: 23_456 };
    const lost = await place.relaybp(['engine', 'status'], nobody);
    expect([lost.code, lost.stderr]).toEqual([
      2,
      'error: there is no home folder: HOME is not set, and this user has no account\n' +
        "hint: set HOME, or RELAYBP_ENGINE_DIR, to a folder of this user's own\n",
    ]);
    const named = { ...nobody, under: ['env', ...own, 'HOME=/somewhere'] };
    const { code, stdout } = await place.relaybp(['engine', 'status'], named);
    expect(code).toBe(0);
    expect(stdout).toContain('/somewhere/.cache/relaybp/engine');
    // What keeps nothing needs no home.
    const help = await place.relaybp(['--help'], nobody);
    expect(help.code).toBe(0);
  });
});
