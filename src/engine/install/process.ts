/** Running the programs that the install needs, with their output in a log file. */
import { spawn } from 'node:child_process';
import { appendFile, readFile } from 'node:fs/promises';
import { EngineError } from '../../errors.js';

const TAIL_LINES = 15;

export interface Outcome {
  /** Exit code; -1 if the program could not be started or was killed. */
  readonly code: number;
  readonly stdout: string;
  /** stdout and stderr as they came. */
  readonly output: string;
}

/** Runs a program to its end. Never throws: a program that is missing has code -1. */
export function execute(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.on('error', (error) => resolve({ code: -1, stdout, output: output + error.message }));
    child.on('close', (code, signal) =>
      resolve({
        code: code ?? -1,
        stdout,
        output: signal ? `${output}\nkilled by ${signal}` : output,
      }),
    );
  });
}

/**
 * Runs a program and appends its command line and output to `log`.
 * @returns its stdout
 * @throws EngineError with the last lines of the output if it fails
 */
export async function executeLogged(
  step: { what: string; command: string; args: readonly string[]; hint?: string },
  log: string,
  env?: Readonly<Record<string, string>>,
): Promise<string> {
  const outcome = await execute(step.command, step.args, env);
  await appendFile(
    log,
    `$ ${step.command} ${step.args.join(' ')}\n${outcome.output.trimEnd()}\n\n`,
  );
  if (outcome.code === 0) return outcome.stdout;
  throw new EngineError(
    [
      `${step.what} failed (${step.command} ended with code ${outcome.code}):`,
      ...tail(outcome.output),
    ],
    step.hint,
  );
}

/** The last lines of a program's output. */
function tail(output: string): string[] {
  return output
    .trimEnd()
    .replaceAll('\t', '    ')
    .split(/\r?\n|\r/)
    .slice(-TAIL_LINES);
}

/** The whole log, or an empty text if there is none. */
export async function readLog(log: string): Promise<string> {
  return readFile(log, 'utf8').catch(() => '');
}
