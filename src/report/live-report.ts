import { createHash } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { mayBeTraining } from '../run/run-lock.js';
import { reportData } from './collect.js';
import type { LiveStudy } from './live-study.js';
import type { ReportData } from './page-data.js';
import { keyOf, type PictureSource } from './pictures.js';
import type { RunSource } from './run.js';
import { withoutPaths } from './without-paths.js';

/** Files of a run folder that the page is made from. */
const FILES = [
  ...['metrics.jsonl', 'gradients.jsonl', 'signals.jsonl', 'sessions.jsonl'],
  ...['summary.json', 'best', 'last', 'log.jsonl'],
];

/** What a page that is kept up to date is about. */
export interface LiveSource {
  /** Asked each time, so that runs can be added. */
  runs(): readonly RunSource[];
  /** The one that they are the final runs of. */
  readonly study: LiveStudy | null;
  /** False: `withoutPaths`. */
  readonly paths: boolean;
}

/** A report on runs that go on: read again whenever one of their files has changed. */
export class LiveReport {
  private current: {
    data: ReportData;
    pictures: ReadonlyMap<string, PictureSource>;
    state: string;
  };
  private readonly listeners: (() => void)[] = [];
  private readonly timer: NodeJS.Timeout;
  private problem = '';
  private readonly toldLeftOut = new Set<string>();
  private encoded: Buffer | null = null;

  /**
   * @param everyMs how often the files are looked at
   * @param onProblem told once of each problem in reading them; what was read before stays
   * @throws CheckpointError if a folder is no run folder
   */
  constructor(
    private readonly source: LiveSource,
    everyMs: number,
    private readonly onProblem: (line: string) => void,
  ) {
    this.current = this.read();
    this.timer = setInterval(() => this.look(), everyMs);
  }

  /** The data as JSON; one buffer for everybody who asks until they change. */
  json(): Buffer {
    this.encoded ??= Buffer.from(JSON.stringify(this.current.data));
    return this.encoded;
  }

  /** Where a picture of `data` comes from, by the name that its address ends in. */
  picture(name: string): PictureSource | undefined {
    return this.current.pictures.get(name);
  }

  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  close(): void {
    clearInterval(this.timer);
  }

  private look(): void {
    try {
      const standing = this.source.study?.standing() ?? null;
      const { data, state } = this.current;
      if (this.state() !== state) this.current = this.read();
      else if (JSON.stringify(standing) === JSON.stringify(data.standing)) return;
      else this.current.data = { ...data, standing };
      this.encoded = null;
      this.problem = '';
      for (const listener of this.listeners) listener();
    } catch (error) {
      const { message } = error as Error; // a file that is being replaced: the next look finds it whole
      if (message !== this.problem) this.onProblem(message);
      this.problem = message;
    }
  }

  private read(): LiveReport['current'] {
    const state = this.state();
    const { study, paths } = this.source;
    const { data, pictures, leftOut } = reportData(this.source.runs(), study?.table());
    data.standing = study?.standing() ?? null;
    for (const problem of leftOut) {
      if (!this.toldLeftOut.has(problem)) this.onProblem(problem);
      this.toldLeftOut.add(problem);
    }
    const sources = new Map<string, PictureSource>();
    for (const { image, ...source } of pictures) {
      const name = createHash('sha256').update(keyOf(source)).digest('hex').slice(0, 32);
      sources.set(name, source);
      image.picture = `picture/${name}`;
    }
    return { data: paths ? data : withoutPaths(data), pictures: sources, state };
  }

  private state(): string {
    const ofRuns = this.source.runs().flatMap(({ folder }) => {
      if (!existsSync(folder)) return [];
      const present = new Set(readdirSync(folder));
      const files = FILES.filter((name) => present.has(name)).map((name) => {
        const { size, mtimeMs } = statSync(join(folder, name));
        return `${name} ${size} ${mtimeMs}`;
      });
      return [folder, ...files, String(mayBeTraining(folder))]; // a training that is killed changes no file
    });
    return [this.source.study?.state(), ...ofRuns].join('\n');
  }
}
