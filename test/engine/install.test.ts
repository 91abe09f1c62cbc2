import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { BINDING_INTEGRITY, BINDING_VERSION } from '../../src/engine/install/build.js';
import { settingsOf } from '../../src/engine/install/pip-settings.js';
import { checkPlatform, wheelArguments } from '../../src/engine/install/prerequisites.js';
import { temporaryName } from '../../src/engine/install/temporary.js';
import { INSTALL_STEPS, installNative } from '../../src/engine/install.js';
import {
  engineFolder,
  engineRoot,
  locateNative,
  makeManifest,
  TENSORFLOW_VERSION,
} from '../../src/engine/locate.js';
import { EngineError } from '../../src/errors.js';

/** Plays python3 and pip: `pip install` puts two libraries and a header folder where pip would. */
const PYTHON = `#!/bin/sh
PATH=/usr/bin:/bin
if [ "$1" = -c ]; then echo "$FAKE_PYTHON"; exit 0; fi
if [ "$3" = --version ]; then exit "$FAKE_PIP"; fi
if [ "$3" = config ]; then echo "$FAKE_SETTINGS"; exit 0; fi
echo "index $PIP_INDEX_URL extra $PIP_EXTRA_INDEX_URL links $PIP_FIND_LINKS settings $PIP_CONFIG_FILE" >> "$FAKE_CALLS.env"
echo "$@" >> "$FAKE_CALLS"
if [ -n "$FAKE_DOWNLOAD_ERROR" ]; then echo "$FAKE_DOWNLOAD_ERROR" >&2; exit 1; fi
while [ "$1" != --target ]; do shift; done
mkdir -p "$2/tensorflow/include" "$2/bin" "$2/keras"
touch "$2/tensorflow/libtensorflow_cc.so.2" "$2/tensorflow/libtensorflow_framework.so.2"
`;
/** Plays g++: writes a text where the addon would be. */
const COMPILER = `#!/bin/sh
if [ "$1" = --version ]; then echo 'g++ (fake) 1.0'; exit 0; fi
while [ "$1" != -o ]; do shift; done
echo 'not an addon' > "$2"
`;

let root: string;
let bin: string;
let calls: string;
let lines: string[];
const log = (line: string) => lines.push(line);
/** The real steps but the last, which needs a real addon. */
const steps = { ...INSTALL_STEPS, verify: async () => {} };
const install = (options: { force?: boolean; cuda?: boolean } = {}) =>
  installNative({ dir: root, log, ...options }, steps);

beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'relaybp-install-'));
  [root, bin, calls] = [join(folder, 'engine'), join(folder, 'bin'), join(folder, 'calls')];
  lines = [];
  await mkdir(bin);
  await provide('python3', PYTHON);
  await provide('g++', COMPILER);
  vi.stubEnv('PATH', bin);
  vi.stubEnv('FAKE_CALLS', calls);
  vi.stubEnv('FAKE_PYTHON', '3 12');
  vi.stubEnv('FAKE_PIP', '0');
  vi.stubEnv('FAKE_DOWNLOAD_ERROR', '');
  vi.stubEnv('FAKE_SETTINGS', '');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(join(root, '..'), { recursive: true, force: true });
});

async function provide(name: string, script: string): Promise<void> {
  await writeFile(join(bin, name), script);
  await chmod(join(bin, name), 0o755);
}
const downloads = async () =>
  (await readFile(calls, 'utf8').catch(() => '')).split('\n').filter(Boolean);
const failure = async (run: Promise<unknown>) => {
  const error = await run.then(
    () => expect.fail('it did not fail'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(EngineError);
  return error as EngineError;
};

describe('install', () => {
  test('leaves one complete folder, without what only the build needed', async () => {
    const { location, installed } = await install();
    expect(installed).toBe(true);
    expect(await readdir(root)).toEqual([engineFolder(false)]);
    expect(location).toEqual(locateNative({ dir: root }));
    expect(location.manifest).toMatchObject({ cuda: false, compiler: 'g++ (fake) 1.0' });
    expect((await readdir(location.directory)).sort()).toEqual([
      'engine.json',
      'engine_loader.node',
      'install.log',
      'python',
      'tfjs_binding.node',
    ]);
    const python = join(location.directory, 'python');
    expect(await readdir(python)).toEqual(['tensorflow']);
    expect((await readdir(join(python, 'tensorflow'))).sort()).toEqual([
      'libtensorflow_cc.so.2',
      'libtensorflow_framework.so.2',
    ]);
    const [call] = await downloads();
    expect(call).toMatch(
      /^-m pip install .*--no-deps --require-hashes --only-binary=:all: -r .*\/requirements\/cpu\.txt$/,
    );
  });

  test('a second time does nothing and says so; force installs again', async () => {
    const { location } = await install();
    lines = [];
    expect(await install()).toEqual({ location, installed: false });
    expect(lines).toEqual([expect.stringContaining('already installed')]);
    expect(await downloads()).toHaveLength(1);
    expect((await install({ force: true })).installed).toBe(true);
    expect(await downloads()).toHaveLength(2);
    expect(await readdir(root)).toEqual([engineFolder(false)]);
  });

  test('with cuda: the wheel and the libraries, in a folder of its own', async () => {
    await install();
    const { location } = await install({ cuda: true });
    expect((await readdir(root)).sort()).toEqual([engineFolder(false), engineFolder(true)]);
    expect((await downloads())[1]).toMatch(
      /--no-deps --require-hashes .*\/requirements\/cuda\.txt$/,
    );
    expect(locateNative({ dir: root })).toEqual(location);
  });

  test('what interrupted installs left is removed, what others work on is not', async () => {
    const ended = spawnSync('/bin/true').pid;
    const theirs = temporaryName(hostname(), process.pid);
    const foreign = temporaryName('another-machine', 1);
    for (const name of [temporaryName(hostname(), ended), theirs, foreign]) {
      await mkdir(join(root, name, 'python'), { recursive: true });
    }
    await install();
    expect((await readdir(root)).sort()).toEqual([theirs, foreign, engineFolder(false)].sort());
    expect(lines).toContain('removed what an interrupted install had left');
  });

  test('a folder without a manifest counts as none and is replaced', async () => {
    await mkdir(join(root, engineFolder(false), 'python'), { recursive: true });
    expect(locateNative({ dir: root })).toBeUndefined();
    expect((await install()).installed).toBe(true);
    expect(await readdir(root)).toEqual([engineFolder(false)]);
  });

  test('two at a time end with one install', async () => {
    const [first, second] = await Promise.all([install(), install()]);
    expect(first?.location.directory).toBe(second?.location.directory);
    expect(await readdir(root)).toEqual([engineFolder(false)]);
    expect(locateNative({ dir: root })).toBeDefined();
  });
});

describe('what is fetched', () => {
  const requirements = (name: string): Promise<string> =>
    readFile(new URL(`../../src/engine/install/requirements/${name}.txt`, import.meta.url), 'utf8');

  test.each([
    ['cpu', 'tensorflow_cpu', 1],
    ['cuda', 'tensorflow', 13],
  ])(
    '%s: exact versions, each with its hashes, of TensorFlow for every Python',
    async (name, tensorflow, packages) => {
      const text = await requirements(name);
      const entries = text.split(/\n(?=\S)/).filter((entry) => !entry.startsWith('#'));
      expect(entries).toHaveLength(packages);
      for (const entry of entries) {
        expect(entry.trim()).toMatch(/^[\w-]+==[\d.]+( \\\n {4}--hash=sha256:[0-9a-f]{64})+$/);
      }
      const own = entries.find((entry) =>
        entry.startsWith(`${tensorflow}==${TENSORFLOW_VERSION} `),
      );
      expect(own?.match(/--hash/g)).toHaveLength(4);
    },
  );

  test("the binding's sources are those of package-lock.json", async () => {
    const lock = JSON.parse(
      await readFile(new URL('../../package-lock.json', import.meta.url), 'utf8'),
    );
    const { version, integrity } = lock.packages['node_modules/@tensorflow/tfjs-node-gpu'];
    expect([BINDING_VERSION, BINDING_INTEGRITY]).toEqual([version, integrity]);
  });

  test('comes from the one index that the user has chosen, whatever the settings say besides', async () => {
    const settings = [
      "global.extra-index-url='https://other.example/simple'",
      "global.index-url='https://first.example/simple'",
      "install.index-url='https://mirror.example/simple'",
      "global.find-links='/wheels'",
      "global.cert='/certificates.pem'",
    ];
    vi.stubEnv('FAKE_SETTINGS', settings.join('\n'));
    vi.stubEnv('PIP_EXTRA_INDEX_URL', 'https://third.example/simple');
    vi.stubEnv('PIP_FIND_LINKS', '/elsewhere');
    await install();
    expect(await readFile(`${calls}.env`, 'utf8')).toBe(
      'index https://mirror.example/simple extra  links  settings /dev/null\n',
    );
    expect(settingsOf(settings.join('\n')).PIP_CERT).toBe('/certificates.pem');
    expect(settingsOf(`${settings.join('\n')}\n:env:.index-url='x'`).PIP_INDEX_URL).toBe('x');
    const offline = settingsOf("global.no-index='true'\nglobal.find-links='/wheels'");
    expect(offline).toMatchObject({ PIP_NO_INDEX: 'true', PIP_FIND_LINKS: '/wheels' });
  });
});

describe('install errors', () => {
  test('no python3', async () => {
    await rm(join(bin, 'python3'));
    const error = await failure(install());
    expect(error.message).toBe('python3 is not installed; its pip fetches TensorFlow');
    expect(error.hint).toMatch(/apt install python3 .*dnf install python3 /);
  });

  test('no pip', async () => {
    vi.stubEnv('FAKE_PIP', '1');
    const error = await failure(install());
    expect(error.message).toContain('python3 has no pip');
    expect(error.hint).toMatch(/apt install python3-pip .*dnf install python3-pip/);
  });

  test('no g++', async () => {
    await rm(join(bin, 'g++'));
    const error = await failure(install());
    expect(error.message).toContain('g++ is not installed');
    expect(error.hint).toMatch(/apt install g\+\+ .*dnf install gcc-c\+\+/);
  });

  test('a python3 that does not fit', async () => {
    vi.stubEnv('FAKE_PYTHON', '3 7');
    expect((await failure(install())).message).toContain('python3 is 3.7; the install needs 3.8');
    vi.stubEnv('FAKE_PYTHON', '3 14');
    expect((await failure(install({ cuda: true }))).message).toContain('needs 3.10 to 3.13');
    await install();
    expect((await downloads())[0]).toContain('--python-version=3.13');
  });

  test('a failed download: the end of the output, the whole log, no leftovers', async () => {
    vi.stubEnv('FAKE_DOWNLOAD_ERROR', 'no route to host');
    const error = await failure(install());
    expect(error.message).toMatch(
      /^fetching TensorFlow failed .*\nno route to host\nThe whole log/,
    );
    expect(error.hint).toContain('PyPI');
    expect(await readdir(root)).toEqual(['install-failed.log']);
    expect(await readFile(join(root, 'install-failed.log'), 'utf8')).toContain('no route to host');
    expect(locateNative({ dir: root })).toBeUndefined();
  });

  test('an addon that does not load is not installed', async () => {
    const error = await failure(installNative({ dir: root, log }));
    expect(error.message).toMatch(/^trying the engine failed/);
    expect(locateNative({ dir: root })).toBeUndefined();
  });

  test('other platforms', () => {
    expect(() => checkPlatform('darwin', 'arm64', undefined)).toThrow('Linux x64 only');
    expect(() => checkPlatform('linux', 'arm64', '2.36')).toThrow('this is linux arm64');
    expect(() => checkPlatform('linux', 'x64', '')).toThrow('another C library');
    expect(() => checkPlatform('linux', 'x64', '2.17')).toThrow('glibc 2.27 or newer');
    expect(() => checkPlatform('linux', 'x64', '2.27')).not.toThrow();
  });

  test('pip takes the wheel of another Python only where it must', () => {
    expect(wheelArguments(10)).toEqual([]);
    expect(wheelArguments(13)).toEqual([]);
    expect(wheelArguments(14)).toContain('--platform=manylinux_2_27_x86_64');
  });
});

describe('locate', () => {
  test('the root: the option, else the environment, else the cache', () => {
    vi.stubEnv('RELAYBP_ENGINE_DIR', '/from/environment');
    expect(engineRoot('/from/option')).toBe('/from/option');
    expect(engineRoot()).toBe('/from/environment');
    vi.stubEnv('RELAYBP_ENGINE_DIR', '');
    expect(engineRoot()).toMatch(/relaybp.*engine$/);
  });

  test('a manifest of another format or damaged is none', async () => {
    const folder = join(root, engineFolder(false));
    await mkdir(folder, { recursive: true });
    const facts = {
      ...{ tensorflow: '2.21.0', cuda: false, binding: '4.22.0', compiler: 'g++', nodeApi: 8 },
      installed: '2026-01-01T00:00:00.000Z',
    };
    const write = (text: string) => writeFile(join(folder, 'engine.json'), text);
    await write(JSON.stringify({ ...makeManifest(facts), format: 0 }));
    expect(locateNative({ dir: root })).toBeUndefined();
    await write('{');
    expect(locateNative({ dir: root })).toBeUndefined();
    await write(JSON.stringify(makeManifest(facts)));
    expect(locateNative({ dir: root })).toMatchObject({
      directory: folder,
      binding: join(folder, 'tfjs_binding.node'),
      manifest: facts,
    });
  });
});
