import { EventEmitter } from 'node:events';
import xterm from '@xterm/headless';

/** A terminal emulator, and a stream that writes to it as `process.stdout` does to a terminal. */
export class Screen extends EventEmitter {
  readonly isTTY = true;
  readonly #terminal: InstanceType<typeof xterm.Terminal>;

  constructor(columns: number, rows = 24) {
    super();
    this.#terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true });
  }

  get columns(): number {
    return this.#terminal.cols;
  }

  /** As a terminal driver would: a line feed also returns the carriage. */
  write(text: string): void {
    this.#terminal.write(text.replaceAll('\n', '\r\n'));
  }

  /** Another width; text that is wrapped is broken anew. */
  async resize(columns: number): Promise<void> {
    await this.lines();
    this.#terminal.resize(columns, this.#terminal.rows);
    this.emit('resize');
  }

  /** What is seen, scrolled out included: a text for each row, up to the last that is not empty. */
  async lines(): Promise<string[]> {
    await new Promise<void>((resolve) => this.#terminal.write('', resolve));
    const { active } = this.#terminal.buffer;
    const rows = Array.from({ length: active.length }, (_, i) =>
      active.getLine(i)!.translateToString(true),
    );
    return rows.slice(0, rows.findLastIndex((row) => row !== '') + 1);
  }
}
