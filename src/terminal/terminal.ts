import { visible } from '../visible.js';

/** What fits a width in columns. */
export type StatusText = (columns: number) => string;

/** One line, or several. */
export type Lines = string | readonly string[];

/** Where lines for a person go. */
export interface Terminal {
  /** Whether there is a status line: false in a pipe. */
  readonly interactive: boolean;
  /** Width in columns; none in a pipe. */
  readonly columns: number;
  /** Lines that stay, above the status. Whatever they hold, each stays one line and does not steer the terminal. */
  line(lines: Lines): void;
  /** The line at the foot that changes; null takes it away. Nothing in a pipe. */
  status(text: StatusText | null): void;
}

/** What is used of a stream such as `process.stdout`. */
export interface Stream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

/** Between two drawings of a status. */
const REST_MS = 50;
const USUAL_COLUMNS = 80;

/** Carriage return, and everything from there on erased. */
const ERASE = '\r\u001b[J';
/** What is too wide for the line (a wide letter in a path say) is cut, and does not begin another one. */
const [NO_WRAP, WRAP] = ['\u001b[?7l', '\u001b[?7h'];

/** @param show what is shown of a line */
export const textOf = (lines: Lines, show: (line: string) => string): string =>
  (typeof lines === 'string' ? [lines] : lines).map((line) => `${show(line)}\n`).join('');

/**
 * The status line at the foot of a terminal: one in a process, as there is one terminal, whichever stream it is
 * written to. All that is written to a terminal has to go through `above` for as long as there is a status.
 *
 * The cursor rests at the beginning of the status. So nothing of it stays behind: neither when the width changes, where
 * terminals break the line anew, nor of the ^C that they echo at the cursor.
 */
export class Foot {
  #stream: Stream | null = null;
  #text: StatusText | null = null;
  #drawnAt = Number.NEGATIVE_INFINITY;
  readonly #onResize = (): void => this.#draw();

  /** What writes to a stream, with a status if that is a terminal. */
  terminal(stream: Stream): Terminal {
    const interactive = stream.isTTY === true && process.env.TERM !== 'dumb';
    return {
      interactive,
      get columns() {
        return interactive ? stream.columns || USUAL_COLUMNS : Number.POSITIVE_INFINITY;
      },
      line: (lines) => this.above(() => stream.write(textOf(lines, visible))),
      status: (text) => {
        if (interactive) this.#show(stream, text);
      },
    };
  }

  /** Runs something that writes whole lines; they come above the status. */
  above(write: () => void): void {
    this.#erase();
    write();
    this.#draw();
  }

  #show(stream: Stream, text: StatusText | null): void {
    if (text === null || stream !== this.#stream) {
      this.#erase();
      this.#stream?.off('resize', this.#onResize);
      this.#stream = text === null ? null : stream;
      this.#stream?.on('resize', this.#onResize);
      this.#drawnAt = Number.NEGATIVE_INFINITY;
    }
    this.#text = text;
    if (performance.now() - this.#drawnAt >= REST_MS) this.#draw();
  }

  #draw(): void {
    if (!this.#stream || !this.#text) return;
    // Indented, as the cursor is seen on the first column; no further than the last but one.
    const text = ` ${visible(this.#text((this.#stream.columns || USUAL_COLUMNS) - 2))}`;
    this.#stream.write(`${ERASE}${NO_WRAP}${text}${WRAP}\r`);
    this.#drawnAt = performance.now();
  }

  #erase(): void {
    this.#stream?.write(ERASE);
  }
}
