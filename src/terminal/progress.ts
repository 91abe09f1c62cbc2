import type { IndexingProgress } from '../data/index/index-cache.js';
import { type Part, statusLine } from './fit.js';
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
      const parts: Part[] = [
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

/** Shows the making of indexes. */
export interface IndexingView {
  update(progress: IndexingProgress): void;
  /** Runs work whose indexing is shown; the terminal is as before afterwards. */
  during<T>(work: () => Promise<T>): Promise<T>;
}

export function indexingView(terminal: Terminal): IndexingView {
  let view: ProgressView | null = null;
  let shown = '';
  let began = 0;
  return {
    update({ what, files, done, total }) {
      if (what !== shown) {
        [shown, began] = [what, performance.now()];
        view = new ProgressView(terminal);
      }
      const rate = files / Math.max(0.001, (performance.now() - began) / 1000);
      const note = `${files.toLocaleString('en')} files, ${Math.round(rate).toLocaleString('en')}/s`;
      view?.update(done, total, `indexing ${what}`, note);
    },
    async during(work) {
      try {
        return await work();
      } finally {
        view?.stop();
        view = null;
      }
    },
  };
}

/** What the computing of data statistics is called. */
export const STATISTICS = 'statistics of the training images';

/**
 * Runs work that goes through many images, and shows how far it has come; the terminal is as before afterwards.
 *
 * @param work is given what to call with the images done and their total
 */
export async function duringImages<T>(
  terminal: Terminal,
  what: string,
  work: (onProgress: (done: number, total: number) => void) => Promise<T>,
): Promise<T> {
  let view: ProgressView | null = null; // other work may come first
  let [began, before] = [0, 0];
  try {
    return await work((done, total) => {
      if (!view) [view, began, before] = [new ProgressView(terminal), performance.now(), done];
      const rate = (done - before) / Math.max(0.001, (performance.now() - began) / 1000);
      view.update(done, total, what, `${Math.round(rate).toLocaleString('en')} images/s`);
    });
  } finally {
    (view as ProgressView | null)?.stop();
  }
}
