/**
 * The one place where commands write. A stream may fail at any time: its reader ends (`| head`, a `tee` that dies of
 * the same Ctrl-C), its disk fills up, its terminal is closed. That never stops what a command is doing; `settle` says
 * at the end what came of it. And whatever a line holds, a name say, it stays one line and does not steer a terminal.
 */

import { underLauncher } from '../distributed/launcher.js';
import { Foot, type Lines, type Stream, textOf } from '../terminal/terminal.js';
import { visibleInColor, visibleJson } from '../visible.js';

/** The output is gone, and nothing else is wanted of the command. */
export class OutputLost extends Error {}

class Output implements Stream {
  /** Why it failed first. */
  failure: NodeJS.ErrnoException | null = null;
  /** Writes that the system has not answered yet. */
  private waiting: Promise<void> = Promise.resolve();

  constructor(private readonly stream: () => NodeJS.WriteStream) {}

  get isTTY(): boolean {
    return this.stream().isTTY === true && !underLauncher();
  }

  get columns(): number | undefined {
    return this.stream().columns;
  }

  on(event: 'resize', listener: () => void): void {
    this.stream().on(event, listener);
  }

  off(event: 'resize', listener: () => void): void {
    this.stream().off(event, listener);
  }

  /** Without a listener, an error of the stream would end the process. */
  watch(): void {
    this.stream().on('error', (error) => this.failed(error));
  }

  write(text: string): void {
    const written = new Promise<void>((resolve) => {
      try {
        this.stream().write(text, (error) => {
          this.failed(error);
          resolve();
        });
      } catch (error) {
        this.failed(error as NodeJS.ErrnoException);
        resolve();
      }
    });
    this.waiting = this.waiting.then(() => written);
  }

  settled(): Promise<void> {
    return this.waiting;
  }

  private failed(error: Error | null | undefined): void {
    this.failure ??= error ?? null;
  }
}

const out = new Output(() => process.stdout);
const err = new Output(() => process.stderr);
const foot = new Foot();
/** Whether a command has more to give than what it prints. */
let extra = false;

/** Standard output and standard error: lines, and at the foot of a terminal how far long work has come. */
export const stdout = foot.terminal(out);
export const stderr = foot.terminal(err);
export const print = stdout.line;
export const printError = stderr.line;
/** Lines with colours; they must hold no names but those that a config's schema allows. */
export const printInColor = (lines: Lines): void => put(textOf(lines, visibleInColor));
export const printJson = (value: unknown, indent?: number): void =>
  put(`${visibleJson(value, indent)}\n`);

const put = (ready: string): void => foot.above(() => out.write(ready));

/**
 * Writes text that is fit to be shown as it is: made by this program alone, or from names by `visible`, `visibleJson`.
 *
 * @throws OutputLost where the output has failed, so that nothing is computed for it in vain
 */
export function printText(ready: string): void {
  if (ready === '') return;
  if (out.failure) throw new OutputLost();
  put(ready);
}

export function watchOutput(): void {
  out.watch();
  err.watch();
}

/** From here on the command does its work whether or not anyone reads what it prints: the work is in files. */
export function outputIsExtra(): void {
  extra = true;
}

/**
 * Waits until everything is written, or has failed.
 *
 * @param code the exit code so far
 * @returns 1 in place of 0 where what a command prints could not be written; a reader that has had enough is no fault
 */
export async function settle(code: number): Promise<number> {
  await Promise.all([out.settled(), err.settled()]);
  const { failure } = out;
  if (!failure || failure.code === 'EPIPE' || extra || code !== 0) return code;
  printError(`error: the output cannot be written: ${failure.message}`);
  await err.settled();
  return 1;
}
