/** Loading TensorFlow without its chatter and with the CUDA libraries that lie beside it. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** See `cpp/loader.cc`. */
interface Loader {
  redirectStderr(path: string): boolean;
  restoreStderr(): void;
  preload(path: string): boolean;
}

/**
 * Lines that TensorFlow logs for information only: `I0000 00:00:17… port.cc:153] …`, a remark on its log, and that oneDNN
 * has no bfloat16 on this CPU, which trials find out.
 */
const INFORMATION =
  /^(I\d{4} |WARNING: All log messages before absl::InitializeLog|.*oneDNN supports DT_BFLOAT16 only)/;

/**
 * Runs `load` while the process's stderr is redirected, then prints what was logged and is not information.
 * Does without where the loader addon is missing, or nothing can be written: then information is shown as well.
 */
export function loadQuietly<T>(directory: string, load: () => T): T {
  const addon = join(directory, 'engine_loader.node');
  if (!existsSync(addon)) return load();
  const loader: Loader = createRequire(import.meta.url)(addon);
  preloadCuda(loader, join(directory, 'python', 'nvidia'));
  const folder = temporaryFolder();
  if (folder === null) return load();
  const log = join(folder, 'stderr');
  try {
    if (!loader.redirectStderr(log)) return load();
    try {
      return load();
    } finally {
      loader.restoreStderr();
      const lines = readFileSync(log, 'utf8').split(/(?<=\n)/);
      writeToStderr(lines.filter((line) => !INFORMATION.test(line)).join(''));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** In the first place that can be written to: `TMPDIR`, or those that a system has anyway. */
function temporaryFolder(): string | null {
  for (const place of [tmpdir(), '/tmp', '/var/tmp', '/dev/shm']) {
    try {
      return mkdtempSync(join(place, 'relaybp-'));
    } catch {
      // the next one
    }
  }
  return null;
}

function writeToStderr(text: string): void {
  try {
    process.stderr.write(text);
  } catch {
    // a full disk say: nobody can be told
  }
}

/** Loads every CUDA library; those that need others come in a later round, those that fail are left to TensorFlow. */
function preloadCuda(loader: Loader, directory: string): void {
  if (!existsSync(directory)) return;
  let waiting = readdirSync(directory)
    .map((name) => join(directory, name, 'lib'))
    .filter((lib) => existsSync(lib))
    .flatMap((lib) => readdirSync(lib).map((file) => join(lib, file)))
    .filter((file) => /\.so(\.\d+)*$/.test(file));
  for (let before = -1; before !== waiting.length; ) {
    before = waiting.length;
    waiting = waiting.filter((file) => !loader.preload(file));
  }
}
