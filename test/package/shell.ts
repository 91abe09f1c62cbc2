import { type ChildProcess, spawn } from 'node:child_process';

export interface Said {
  stdout: string;
  stderr: string;
}

/** Starts a command line as it stands in the documentation. */
export function start(command: string, cwd: string, env: Record<string, string> = {}) {
  const child: ChildProcess = spawn('bash', ['-c', command], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // a group of its own, which can be ended whole
  });
  const said: Said = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk: Buffer) => {
    said.stdout += chunk;
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    said.stderr += chunk;
  });
  const code = new Promise<number | null>((resolve) => child.on('close', resolve));
  return { said, code, stop: () => process.kill(-child.pid!, 'SIGTERM') };
}

/** Runs a command line. @throws Error if it does not end with 0 */
export async function shell(
  command: string,
  cwd: string,
  env: Record<string, string> = {},
): Promise<Said> {
  const { said, code } = start(command, cwd, env);
  const status = await code;
  if (status === 0) return said;
  throw new Error(`${command}: ended with ${status}\n${said.stdout}${said.stderr}`);
}
