/** A process that runs training steps on demand and sits idle in between. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/**
 * @typedef {{ resident: number, peak: number }} Memory in MiB
 * @typedef {{ ms: number[], memory: Memory }} Turn
 */

export class Contender {
  /**
   * Starts the process, which answers with a line `{"ready": facts}` when its network is built.
   *
   * @param {string} name for messages
   * @param {string} command
   * @param {string[]} args
   * @param {Record<string, string>} [env]
   */
  constructor(name, command, args, env = {}) {
    this.name = name;
    this.child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    this.errors = '';
    this.child.stderr.setEncoding('utf8').on('data', (text) => {
      this.errors = (this.errors + text).slice(-4000);
    });
    this.child.stdin.on('error', () => {}); // the end of the process says more
    this.ended = new Promise((resolve) => {
      this.child.once('error', (error) => resolve(error.message));
      this.child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  /** @returns {Promise<Record<string, any>>} what the process says of itself */
  async ready() {
    return (await this.#answer()).ready;
  }

  /**
   * Runs steps now.
   *
   * @param {number} steps
   * @returns {Promise<Turn>} milliseconds of each, and the memory of the process
   */
  async run(steps) {
    this.child.stdin.write(`${steps}\n`);
    return /** @type {Turn} */ (await this.#answer());
  }

  async close() {
    this.child.stdin.end();
    await this.ended;
  }

  kill() {
    this.child.kill('SIGKILL');
  }

  /** @returns {Promise<Record<string, any>>} */
  async #answer() {
    const { value, done } = await this.lines.next();
    if (!done) return JSON.parse(value);
    throw new Error(`${this.name} ended with ${await this.ended}\n${this.errors}`.trimEnd());
  }
}
