import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { checkOwnership, TRUST } from '../../src/engine/ownership.js';
import { EngineError } from '../../src/errors.js';

const user = process.geteuid?.() ?? 0;
let root: string;
let engine: string;
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'relaybp-owner-')));
  engine = join(root, 'engine/tensorflow');
  mkdirSync(join(engine, 'python'), { recursive: true, mode: 0o755 });
  writeFileSync(join(engine, 'tfjs_binding.node'), '', { mode: 0o755 });
  writeFileSync(join(engine, 'python/lib.so.2'), '', { mode: 0o755 });
});
afterEach(() => vi.unstubAllEnvs());

const problem = (as = user): EngineError => {
  try {
    checkOwnership(engine, as);
  } catch (error) {
    expect(error).toBeInstanceOf(EngineError);
    return error as EngineError;
  }
  throw new Error('it was accepted');
};

describe('an engine is loaded', () => {
  it("where all is the user's own, below a folder for all with the sticky bit", () => {
    expect(() => checkOwnership(engine)).not.toThrow();
    chmodSync(root, 0o1777);
    expect(() => checkOwnership(engine)).not.toThrow();
  });

  it('through a link, and what the link leads to is looked at', () => {
    const link = join(root, 'link');
    symlinkSync(engine, link);
    expect(() => checkOwnership(link)).not.toThrow();
    chmodSync(join(engine, 'python'), 0o777);
    expect(() => checkOwnership(link)).toThrow('python can be written to by everybody');
  });

  it('as it is where the user says so, and that of no other folder', () => {
    chmodSync(engine, 0o777);
    vi.stubEnv(TRUST, join(root, 'eng'));
    expect(problem().message).toContain('can be written to by everybody');
    vi.stubEnv(TRUST, join(root, 'engine'));
    expect(() => checkOwnership(engine)).not.toThrow();
  });
});

describe('an engine is not loaded', () => {
  it.each<[string, string]>([
    ['engine/tensorflow/tfjs_binding.node', 'the binding'],
    ['engine/tensorflow/python/lib.so.2', 'a library'],
    ['engine/tensorflow/python', 'a folder in it'],
    ['engine/tensorflow', 'its folder'],
    ['engine', 'a folder above'],
  ])('where everybody can write to %s (%s)', (path) => {
    chmodSync(join(root, path), 0o777);
    const { message, hint } = problem();
    expect(message).toContain(
      `the native engine in ${engine} is not loaded: ${join(root, path)} can be written to by everybody (owner ${user}, `,
    );
    expect(message).toContain('mode 0777');
    expect(hint).toContain(`${TRUST}=${engine}`);
  });

  describe.each<[string, () => void, string]>([
    [
      'where a link in it leads to what everybody can change',
      () => {
        const shared = join(root, 'shared');
        mkdirSync(shared);
        writeFileSync(join(shared, 'lib.so.2'), '');
        chmodSync(join(shared, 'lib.so.2'), 0o666);
        symlinkSync(shared, join(engine, 'python/shared'));
      },
      'lib.so.2 can be written to by everybody',
    ],
    [
      'by links of which one lies where everybody can replace it',
      () => {
        const open = join(root, 'open');
        mkdirSync(open);
        symlinkSync(engine, join(open, 'middle'));
        chmodSync(open, 0o777);
        symlinkSync(join('open', 'middle'), join(root, 'link'));
        engine = join(root, 'link');
      },
      'open can be written to by everybody',
    ],
  ])('%s', (_, arrange, message) => {
    it('is found', () => {
      arrange();
      expect(problem().message).toContain(message);
    });
  });

  it.skipIf(user !== 0)("by another user's link, though it leads to one's own (as root)", () => {
    chmodSync(root, 0o1777);
    const link = join(root, 'link');
    symlinkSync(engine, link);
    lchownSync(link, 65534, 65534);
    engine = link;
    expect(problem().message).toContain('link belongs to another user (owner 65534, ');
  });

  it('by links that go round in a circle', () => {
    symlinkSync('b', join(root, 'a'));
    symlinkSync('a', join(root, 'b'));
    engine = join(root, 'a');
    expect(problem().message).toContain('symbolic links go round in a circle');
  });

  it.skipIf(user !== 0)('that belongs to another user (as root, who can give files away)', () => {
    chownSync(join(engine, 'python/lib.so.2'), 65534, 65534);
    expect(problem().message).toMatch(/lib\.so\.2 belongs to another user \(owner 65534, /);
    expect(() => checkOwnership(engine, 65534)).not.toThrow();
  });

  it.skipIf(user === 0)('that belongs to another user', () => {
    expect(problem(user + 1).message).toContain('belongs to another user');
  });

  it.skipIf(user !== 0)('that a group can write to, but the own group of its owner', () => {
    const library = join(engine, 'python/lib.so.2');
    chmodSync(library, 0o775);
    chownSync(library, 1000, 1000);
    expect(() => checkOwnership(engine, 1000)).not.toThrow();
    chownSync(library, 1000, 50);
    expect(problem(1000).message).toContain('can be written to by a group (owner 1000, group 50,');
  });
});
