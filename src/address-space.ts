/** Limits that a process has been given for its memory (`ulimit`); only Linux tells. */
import { readFileSync } from 'node:fs';

export interface MemoryLimit {
  /** How a shell sets it. */
  readonly name: 'ulimit -v' | 'ulimit -d';
  /** Bytes. */
  readonly most: number;
  /** Bytes that may still be taken. */
  readonly left: number;
}

const KINDS = [
  ['ulimit -v', /^Max address space\s+(\d+)/m, /^VmSize:\s+(\d+)/m],
  ['ulimit -d', /^Max data size\s+(\d+)/m, /^VmData:\s+(\d+)/m],
] as const;

/** The limits that are set, of the address space and of data. */
export function memoryLimits(): MemoryLimit[] {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const status = readFileSync('/proc/self/status', 'utf8');
    return KINDS.flatMap(([name, set, used]) => {
      const [most, kibibytes] = [set, used].map((pattern, i) =>
        Number(pattern.exec(i === 0 ? limits : status)?.[1]),
      ) as [number, number];
      if (Number.isNaN(most) || Number.isNaN(kibibytes)) return [];
      return [{ name, most, left: most - 1024 * kibibytes }];
    });
  } catch {
    return [];
  }
}

/** The limit of the address space as people see it, with how to raise it; null if there is none. */
export function addressSpaceLimit(
  needed: number,
): { bytes: number; said: string; fix: string } | null {
  const limit = memoryLimits().find(({ name }) => name === 'ulimit -v');
  if (!limit) return null;
  return {
    bytes: limit.most,
    said: `the address space of this process is limited to ${gibibytes(limit.most)} GiB (ulimit -v)`,
    fix: `raise that limit to ${gibibytes(needed)} GiB or lift it (ulimit -v unlimited; in a batch queue ask for more virtual memory, such as h_vmem): it counts what is reserved, not what is used`,
  };
}

const gibibytes = (bytes: number): string => (bytes / 2 ** 30).toFixed(1).replace(/\.0$/, '');
