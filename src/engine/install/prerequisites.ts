/** What must be on the machine before an install starts; every check says how to get what is missing. */
import { statfs } from 'node:fs/promises';
import { EngineError } from '../../errors.js';
import { execute } from './process.js';

/** TensorFlow's wheels exist for these minor versions of Python 3. */
const WHEEL_MINORS = [10, 13] as const;
/** The only platform with a native engine; its wheels need at least this C library. */
const GLIBC = [2, 27] as const;
/** Free space an install needs while it runs, in bytes. */
const SPACE = { cpu: 3e9, cuda: 16e9 } as const;

export interface Tools {
  /** Minor version of Python 3. */
  readonly pythonMinor: number;
  /** First line of `g++ --version`. */
  readonly compiler: string;
}

/** @throws EngineError where the native engine cannot run: other than Linux x64 with glibc 2.27 or newer */
export function checkPlatform(
  platform: string = process.platform,
  arch: string = process.arch,
  glibc: string | undefined = runtimeGlibc(),
): void {
  const hint = 'Use the portable engine, which needs no install: engine: wasm';
  if (platform !== 'linux' || arch !== 'x64') {
    const message = `the native engine runs on Linux x64 only, this is ${platform} ${arch}`;
    throw new EngineError(message, hint);
  }
  const [major = 0, minor = 0] = (glibc ?? '').split('.').map(Number);
  if (major < GLIBC[0] || (major === GLIBC[0] && minor < GLIBC[1])) {
    const found = glibc ? `this machine has ${glibc}` : 'this machine has another C library';
    throw new EngineError(
      `the native engine needs glibc ${GLIBC.join('.')} or newer, ${found}`,
      hint,
    );
  }
}

/** @throws EngineError if python3, its pip or g++ is missing or does not fit */
export async function checkTools(cuda: boolean): Promise<Tools> {
  const python = await execute('python3', ['-c', 'import sys; print(*sys.version_info[:2])']);
  if (python.code !== 0) {
    throw new EngineError(
      'python3 is not installed; its pip fetches TensorFlow',
      'Debian/Ubuntu: sudo apt install python3 python3-pip    Fedora: sudo dnf install python3 python3-pip',
    );
  }
  const [major = 0, minor = 0] = python.stdout.trim().split(' ').map(Number);
  const fits = minor >= WHEEL_MINORS[0] && minor <= WHEEL_MINORS[1];
  // TensorFlow alone is fetched for another Python if need be: no Python code of it is ever run.
  if (major !== 3 || minor < 8 || (cuda && !fits)) {
    throw new EngineError(
      `python3 is ${major}.${minor}; the install needs ${cuda ? '3.10 to 3.13' : '3.8 or newer'}`,
      'Put a suitable python3 first on PATH, for instance from a virtual environment.',
    );
  }
  if ((await execute('python3', ['-m', 'pip', '--version'])).code !== 0) {
    throw new EngineError(
      'python3 has no pip, which fetches TensorFlow',
      'Debian/Ubuntu: sudo apt install python3-pip    Fedora: sudo dnf install python3-pip',
    );
  }
  const compiler = await execute('g++', ['--version']);
  if (compiler.code !== 0) {
    throw new EngineError(
      'g++ is not installed; it compiles the binding between Node and TensorFlow',
      'Debian/Ubuntu: sudo apt install g++    Fedora: sudo dnf install gcc-c++',
    );
  }
  return { pythonMinor: minor, compiler: compiler.stdout.split('\n')[0]!.trim() };
}

/** @throws EngineError if the file system of `directory` has too little free space */
export async function checkSpace(directory: string, cuda: boolean): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const needed = cuda ? SPACE.cuda : SPACE.cpu;
  if (bavail * bsize >= needed) return;
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
  throw new EngineError(
    `${directory} has ${gigabytes(bavail * bsize)} free, the install needs ${gigabytes(needed)}`,
    'Free some space, or choose another folder with --dir.',
  );
}

/** Arguments by which pip fetches TensorFlow for a Python that has no wheel of its own; else none. */
export function wheelArguments(pythonMinor: number): string[] {
  if (pythonMinor >= WHEEL_MINORS[0] && pythonMinor <= WHEEL_MINORS[1]) return [];
  return [
    '--only-binary=:all:',
    `--python-version=3.${WHEEL_MINORS[1]}`,
    '--platform=manylinux_2_27_x86_64',
  ];
}

function runtimeGlibc(): string | undefined {
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return report.header?.glibcVersionRuntime;
}
