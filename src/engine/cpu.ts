/** What the CPU can do, as Linux tells it. */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** As the CPU calls itself, or 'unknown'. */
export const cpuModel = (): string => cpus()[0]?.model.trim() || 'unknown';

/** Instruction sets that decide the speed of the native engine, as Linux names them. */
const INSTRUCTION_SETS = [
  'avx2',
  'fma',
  'avx512f',
  'avx512_vnni',
  'avx512_bf16',
  'amx_tile',
  'amx_bf16',
] as const;

/** Of the sets that matter here, those that this CPU has; 'unknown' outside Linux. */
export function instructionSets(): string[] | 'unknown' {
  try {
    return parseInstructionSets(readFileSync('/proc/cpuinfo', 'utf8'));
  } catch {
    return 'unknown';
  }
}

/** Whether the variable by which users limit oneDNN's instruction sets, and ours, names one like this. */
export function limitedTo(pattern: RegExp): boolean {
  const { ONEDNN_MAX_CPU_ISA, DNNL_MAX_CPU_ISA } = process.env;
  return pattern.test(ONEDNN_MAX_CPU_ISA || DNNL_MAX_CPU_ISA || 'DEFAULT');
}

/** @param cpuinfo the text of `/proc/cpuinfo` */
export function parseInstructionSets(cpuinfo: string): string[] | 'unknown' {
  const line = /^flags\s*:(.*)$/m.exec(cpuinfo);
  if (!line) return 'unknown';
  const flags = new Set(line[1]!.trim().split(/\s+/));
  return INSTRUCTION_SETS.filter((name) => flags.has(name));
}
