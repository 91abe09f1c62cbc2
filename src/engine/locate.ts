/** Where an installed native engine lies, and whether it is complete. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { userCache } from '../user-cache.js';

/** Version of TensorFlow that the engine is built on; the operations used are tested against it. */
export const TENSORFLOW_VERSION = '2.21.0';
/** Raised when what lies in the folder changes: part of its name, so that older and newer versions live side by side. */
const FORMAT = 4;

const manifestSchema = z.object({
  format: z.literal(FORMAT),
  tensorflow: z.string(),
  cuda: z.boolean(),
  /** Version of the npm package whose C++ sources were compiled. */
  binding: z.string(),
  /** First line of `g++ --version`. */
  compiler: z.string(),
  nodeApi: z.number(),
  /** ISO date and time. */
  installed: z.string(),
});

/** `engine.json`, written last: an install without it is not complete. */
export type EngineManifest = z.infer<typeof manifestSchema>;

/** A complete install. */
export interface NativeLocation {
  /** The folder of this version, absolute. */
  readonly directory: string;
  /** The compiled binding in it. */
  readonly binding: string;
  readonly manifest: EngineManifest;
}

/** The folder under which engines are installed: `dir`, else `RELAYBP_ENGINE_DIR`, else the user's cache. */
export function engineRoot(dir?: string): string {
  const chosen = dir ?? process.env.RELAYBP_ENGINE_DIR;
  return chosen ? resolve(chosen) : join(userCache('RELAYBP_ENGINE_DIR'), 'engine');
}

/** Folder name of one version. */
export function engineFolder(cuda: boolean): string {
  return `tensorflow-${cuda ? 'cuda' : 'cpu'}-${TENSORFLOW_VERSION}-${FORMAT}`;
}

export function makeManifest(facts: Omit<EngineManifest, 'format'>): EngineManifest {
  return { format: FORMAT, ...facts };
}

/** The install in one version's folder, or undefined if there is none or it is not complete. */
export function readInstall(directory: string): NativeLocation | undefined {
  let text: string;
  try {
    text = readFileSync(join(directory, 'engine.json'), 'utf8');
  } catch {
    return undefined;
  }
  const manifest = manifestSchema.safeParse(parseJson(text));
  if (!manifest.success) return undefined;
  return { directory, binding: join(directory, 'tfjs_binding.node'), manifest: manifest.data };
}

/** The installed native engine, or undefined. With both kinds installed, the one for CUDA: it also runs without a GPU. */
export function locateNative(options: { dir?: string } = {}): NativeLocation | undefined {
  const root = engineRoot(options.dir);
  return (
    readInstall(join(root, engineFolder(true))) ?? readInstall(join(root, engineFolder(false)))
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
