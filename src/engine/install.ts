/**
 * `relaybp engine install`: TensorFlow from PyPI and the binding to it, compiled here, in the user's cache folder.
 *
 * Everything is built in a temporary sibling folder and tried there; then `engine.json` is written and the folder is
 * renamed. So an interrupted install leaves no half engine, and of two at a time one simply comes second.
 */
import { appendFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../errors.js';
import {
  BINDING_VERSION,
  compileBinding,
  fetchTensorFlow,
  moveInto,
  NODE_API,
  prune,
  verify,
} from './install/build.js';
import { checkPlatform, checkSpace, checkTools } from './install/prerequisites.js';
import { readLog } from './install/process.js';
import { makeTemporary, removeStale } from './install/temporary.js';
import {
  engineFolder,
  engineRoot,
  makeManifest,
  type NativeLocation,
  readInstall,
  TENSORFLOW_VERSION,
} from './locate.js';

export interface InstallOptions {
  /** For NVIDIA GPUs: with the CUDA libraries from PyPI. */
  cuda?: boolean;
  /** Folder to install under; see `engineRoot`. */
  dir?: string;
  /** Install again even if a complete install is there. */
  force?: boolean;
  /** Takes one line of progress at a time. */
  log: (line: string) => void;
}

/** The steps that fill an engine folder; replaceable for tests. */
export const INSTALL_STEPS = { fetchTensorFlow, compileBinding, prune, verify } as const;

export interface InstallResult {
  readonly location: NativeLocation;
  /** False if a complete install was already there. */
  readonly installed: boolean;
}

/**
 * Installs the native engine; safe to repeat and to interrupt.
 * @throws EngineError if something is missing (with the commands to get it) or a step fails (with the end of its
 * output; the whole log is then in `<root>/install-failed.log`)
 */
export async function installNative(
  options: InstallOptions,
  steps: typeof INSTALL_STEPS = INSTALL_STEPS,
): Promise<InstallResult> {
  const { log } = options;
  const cuda = options.cuda ?? false;
  const root = engineRoot(options.dir);
  const target = join(root, engineFolder(cuda));
  const present = options.force ? undefined : readInstall(target);
  if (present) {
    log(`TensorFlow ${present.manifest.tensorflow} is already installed in ${target}`);
    return { location: present, installed: false };
  }
  checkPlatform();
  const tools = await checkTools(cuda);
  await mkdir(root, { recursive: true });
  if ((await removeStale(root)) > 0) log('removed what an interrupted install had left');
  await checkSpace(root, cuda);
  const temporary = await makeTemporary(root);
  const logFile = join(temporary, 'install.log');
  try {
    log(`fetching TensorFlow ${TENSORFLOW_VERSION} (${cuda ? 'about 4 GB' : 'about 270 MB'})`);
    await steps.fetchTensorFlow(temporary, { cuda, pythonMinor: tools.pythonMinor }, logFile);
    log('compiling the binding');
    await steps.compileBinding(temporary, logFile);
    await steps.prune(temporary);
    log('trying it');
    await steps.verify(temporary, logFile);
    const manifest = makeManifest({
      tensorflow: TENSORFLOW_VERSION,
      cuda,
      binding: BINDING_VERSION,
      compiler: tools.compiler,
      nodeApi: NODE_API,
      installed: new Date().toISOString(),
    });
    const text = `${JSON.stringify(manifest, null, 2)}\n`;
    await writeFile(join(temporary, 'engine.json'), text);
    await publish(temporary, target, root, options.force ?? false);
  } catch (error) {
    throw await keepLog(error, logFile, root);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  const location = readInstall(target);
  if (!location) throw new EngineError(`the install in ${target} vanished while it was finished`);
  log(`installed in ${target}`);
  return { location, installed: true };
}

/**
 * Gives the finished folder its name. What has that name already is moved aside and removed, unless it is a complete
 * install that another process finished meanwhile and `force` is not set.
 */
async function publish(
  finished: string,
  target: string,
  root: string,
  force: boolean,
): Promise<void> {
  const aside = await makeTemporary(root);
  try {
    for (let attempt = 0; !(await moveInto(finished, target)); attempt++) {
      if (attempt >= 10) throw new EngineError(`${target} cannot be replaced`);
      if (!force && readInstall(target)) return;
      await moveInto(target, join(aside, `${attempt}`)).catch((error: unknown) => {
        // Another install moved it first: try again.
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
      });
    }
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

/** Saves the log of a failed install under the root and returns the error, which then names it. */
async function keepLog(error: unknown, logFile: string, root: string): Promise<unknown> {
  const text = await readLog(logFile);
  if (!(error instanceof EngineError) || text === '') return error;
  const kept = join(root, 'install-failed.log');
  await rm(kept, { force: true });
  await appendFile(kept, text);
  return new EngineError([...error.lines, `The whole log: ${kept}`], error.hint);
}
