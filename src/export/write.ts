import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ExportError } from '../errors.js';
import { syncFolder, writeDurably } from '../files.js';
import { decodeSafetensors } from '../safetensors.js';
import { messageOf } from '../system-error.js';
import type { ExportFormat, ExportModel } from './exported-model.js';
import { onnxFile } from './onnx.js';
import { savedModelFiles } from './saved-model-writer.js';
import { tfjsFiles } from './tfjs.js';
import { safetensorsFile } from './weights-file.js';
import { read } from './wire.js';

/**
 * Writes an export under another name, has it checked, and renames it: what lies at `out` afterwards is whole and
 * was checked.
 *
 * @param out a file for onnx and safetensors, a folder for tfjs and saved-model
 * @param check receives the written file's or folder's path; if it throws, nothing is kept
 * @returns the bytes written
 * @throws ExportError if it cannot be written
 */
export async function writeExport(
  model: ExportModel,
  format: ExportFormat,
  out: string,
  check: (path: string) => Promise<void>,
): Promise<number> {
  const temporary = `${out}.writing-${process.pid}`;
  try {
    rmSync(temporary, { recursive: true, force: true });
    const bytes = writeFiles(model, format, temporary);
    await check(temporary);
    if (existsSync(out)) rmSync(out, { recursive: true });
    renameSync(temporary, out);
    syncFolder(dirname(out));
    return bytes;
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    throw new ExportError(
      `${out}: the export could not be written: ${messageOf(error)}`,
      'make room, fix the permissions, or give another --out',
    );
  }
}

function writeFiles(model: ExportModel, format: ExportFormat, path: string): number {
  if (format === 'onnx') return writeDurably(path, read(onnxFile(model))).bytes;
  if (format === 'safetensors') return writeDurably(path, safetensorsFile(model)).bytes;
  const files = format === 'tfjs' ? tfjsFiles(model) : savedModelFiles(model);
  let bytes = 0;
  for (const [name, pieces] of files) {
    const file = join(path, name);
    mkdirSync(dirname(file), { recursive: true });
    bytes += writeDurably(file, read(pieces)).bytes;
  }
  return bytes;
}

/** @throws ExportError unless a written safetensors file holds the very weights */
export function checkWeights(model: ExportModel, path: string): void {
  const found = decodeSafetensors(readFileSync(path), path);
  for (const [name, { values }] of model.weights) {
    const read = found.get(name)?.values;
    if (read?.length === values.length && read.every((value, i) => Object.is(value, values[i])))
      continue;
    throw new ExportError(
      `${path}: ${name} was not written as it is`,
      'nothing was kept; try again',
    );
  }
}
