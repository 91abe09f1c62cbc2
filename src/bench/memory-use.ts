import { readFileSync, writeFileSync } from 'node:fs';

/** Resident memory of this process in MiB, as Linux counts it. */
export interface ProcessMemory {
  readonly resident: number;
  /** Most that was resident at any time, or since `resetPeak`. */
  readonly peak: number;
}

/** @returns null where there is no `/proc` */
export function processMemory(): ProcessMemory | null {
  try {
    const status = readFileSync('/proc/self/status', 'utf8');
    const field = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)![1]) / 1024;
    return { resident: field('VmRSS'), peak: field('VmHWM') };
  } catch {
    return null;
  }
}

/**
 * Starts the peak anew from what is resident now, so that what building needed for a moment does not count as memory
 * of the steps.
 *
 * @returns false where Linux does not let this process do so
 */
export function resetPeak(): boolean {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
    return true;
  } catch {
    return false;
  }
}
