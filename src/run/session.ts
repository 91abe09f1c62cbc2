import type { EngineInfo } from '../engine/engine.js';

/** One line of sessions.jsonl: when, where, with what and by which command a training worked on a run. */
export interface Session {
  /** ISO 8601, UTC. */
  started: string;
  /** It went on after this step; 0 for a beginning. */
  step: number;
  /** As it was typed; null where the API was called. */
  command: string | null;
  /** That it was typed in: paths in the command are relative to it. */
  folder: string;
  host: string;
  /** For instance `linux 6.1.0 x64`. */
  system: string;
  /** As the CPU calls itself. */
  cpu: string;
  /** That the process may use. */
  cores: number;
  memoryMiB: number;
  relaybp: string;
  node: string;
  engine: EngineInfo;
  /** Processes that trained together; not there for one alone. */
  ranks?: number;
}
