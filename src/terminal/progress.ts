import cliProgress from 'cli-progress';
import type { IndexingProgress } from '../data/index-cache.js';
import type { Terminal } from './train-view.js';

/** Work that is done sooner is not shown. */
const QUIET_MS = 1000;
/** Between two lines where there is no terminal. */
const LINE_MS = 30_000;

/** How far some long work has come: a bar on a terminal, and a line now and then elsewhere. */
export class ProgressView {
  readonly #terminal: Terminal;
  readonly #began = performance.now();
  #bar: cliProgress.SingleBar | null = null;
  #lineAt = LINE_MS;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** @param what before the bar, @param note behind it */
  update(done: number, total: number, what: string, note: string): void {
    const spent = performance.now() - this.#began;
    if (spent < QUIET_MS) return;
    if (done >= total) {
      this.stop();
      return;
    }
    if (this.#terminal.interactive) {
      this.#bar ??= started(total);
      this.#bar.update(done, { what, note });
    } else if (spent >= this.#lineAt) {
      this.#lineAt = spent + LINE_MS;
      this.#terminal.line(`${what}: ${done} of ${total}, ${note}`);
    }
  }

  stop(): void {
    this.#bar?.stop();
    this.#bar = null;
  }
}

function started(total: number): cliProgress.SingleBar {
  const bar = new cliProgress.SingleBar({
    format: '{what} {bar} {value}/{total}  {note}',
    stream: process.stderr,
    barsize: 20,
    hideCursor: true,
    clearOnComplete: true,
    gracefulExit: false, // signals are the command line's
    barCompleteChar: '█',
    barIncompleteChar: '░',
  });
  bar.start(total, 0, { what: '', note: '' });
  return bar;
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
