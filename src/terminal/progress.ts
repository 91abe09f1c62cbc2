import { type StatusPart, statusLine } from './fit.js';
import type { Terminal } from './terminal.js';

/** Work that is done sooner is not shown. */
const QUIET_MS = 1000;
/** Between two lines where there is no terminal. */
const LINE_MS = 30_000;

/** How far some long work has come: a status on a terminal, and a line now and then elsewhere. */
export class ProgressView {
  readonly #terminal: Terminal;
  readonly #began = performance.now();
  #lineAt = LINE_MS;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** @param what is done, @param note how fast, say */
  update(done: number, total: number, what: string, note: string): void {
    const spent = performance.now() - this.#began;
    if (spent < QUIET_MS) return;
    if (done >= total) {
      this.stop();
      return;
    }
    if (this.#terminal.interactive) {
      const parts: StatusPart[] = [
        { text: what, keep: 'needed' },
        { text: `${done}/${total}`, keep: 'needed' },
        { text: note, keep: 0 },
      ];
      this.#terminal.status((columns) => statusLine(done / total, parts, columns));
    } else if (spent >= this.#lineAt) {
      this.#lineAt = spent + LINE_MS;
      this.#terminal.line(`${what}: ${done} of ${total}, ${note}`);
    }
  }

  stop(): void {
    this.#terminal.status(null);
  }
}

/** How far long work has come: an index, say, or the decoding of many images. */
export interface Progress {
  /** Shown as it is. */
  readonly what: string;
  readonly done: number;
  readonly total: number;
  /** Of an index: files found so far. Without it `done` counts images. */
  readonly files?: number;
}

/** Runs work that tells how far it has come, and shows that; the terminal is as before afterwards. */
export async function showingProgress<T>(
  terminal: Terminal,
  work: (progress: (progress: Progress) => void) => Promise<T>,
): Promise<T> {
  let shown: { what: string; view: ProgressView; began: number; before: number } | null = null;
  try {
    return await work(({ what, done, total, files }) => {
      if (shown?.what !== what) {
        const view = new ProgressView(terminal);
        shown = { what, view, began: performance.now(), before: done };
      }
      const seconds = Math.max(0.001, (performance.now() - shown.began) / 1000);
      const counted = files ?? done - shown.before;
      const rate = Math.round(counted / seconds).toLocaleString('en');
      const note =
        files === undefined ? `${rate} images/s` : `${files.toLocaleString('en')} files, ${rate}/s`;
      shown.view.update(done, total, what, note);
    });
  } finally {
    (shown as { view: ProgressView } | null)?.view.stop();
  }
}
