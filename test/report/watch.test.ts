/** `relaybp watch`: what it answers, what it refuses, and that a page follows the run. */
import { type ChildProcess, execFileSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ReportData } from '../../src/report/page-data.js';
import { lockRun } from '../../src/run/run-lock.js';
import type { SignalRow } from '../../src/run/signal-row.js';
import { inBrowser } from '../support/chromium.js';
import { type Outcome, run, start } from '../support/cli.js';
import { SMALL_CONFIG } from '../support/configs.js';
import { colourImages } from '../support/images.js';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 300_000 }); // a browser on a busy machine

let trained: string;
let cwd: string;
let watching: { child: ChildProcess; outcome: Promise<Outcome> };
let url: string;

beforeAll(async () => {
  trained = mkdtempSync(join(tmpdir(), 'relaybp-watch-'));
  const config = SMALL_CONFIG.replace('data/small', await colourImages());
  writeFileSync(join(trained, 'c.yaml'), config);
  const args = ['train', 'c.yaml', '--engine', 'wasm', '--out', 'run'];
  const env = { RELAYBP_CACHE_DIR: join(trained, 'cache') };
  expect(await run(args, trained, env)).toMatchObject({ code: 0, stderr: '' });
});

beforeEach(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'relaybp-watch-'));
  cpSync(join(trained, 'run'), join(cwd, 'run'), { recursive: true });
  const { child, outcome, stdout } = start(['watch', 'run', '--port', '0'], cwd);
  watching = { child, outcome };
  const find = (): string | undefined =>
    /http:\/\/127\.0\.0\.1:\d+\/[\w-]{22}\//.exec(stdout())?.[0];
  await expect.poll(find, { timeout: 30_000 }).toBeDefined();
  url = find()!;
});
afterEach(async () => {
  watching.child.kill('SIGKILL');
  await watching.outcome;
});

/** A request below the address that was printed. */
const ask = (path: string, method = 'GET', headers: Record<string, string> = {}) =>
  askWholly(new URL(url).pathname.replace(/\/$/, '') + path, method, headers);

/** A request as it is written, with nothing in its path resolved. */
function askWholly(path: string, method = 'GET', headers: Record<string, string> = {}) {
  const { port } = new URL(url);
  return new Promise<{ status: number; headers: IncomingMessage['headers']; body: string }>(
    (resolve, reject) => {
      const asked = request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const body = Buffer.concat(chunks).toString();
          resolve({ status: response.statusCode!, headers: response.headers, body });
        });
      });
      asked.on('error', reject);
      asked.end();
    },
  );
}

const data = async (): Promise<ReportData> =>
  JSON.parse((await ask('/data.json')).body) as ReportData;

/** Of the process that serves. */
function residentMiB(): number {
  const status = readFileSync(`/proc/${watching.child.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s*(\d+)/m.exec(status)![1]) / 1024;
}

/** A row past the end of the run. */
const ROW = {
  kind: 'val',
  step: 7,
  epoch: 7 / 3,
  'loss.primary': 0.5,
  images: 15,
  top1: 99,
  top5: 100,
  top1_err: 1,
  top5_err: 0,
};
const ESTIMATE = { value: 0.5, low: 0.25, high: 0.75 };
/** A row of signals.jsonl: one loss in a layer of the run. */
const SIGNALS: SignalRow = {
  format: 'relaybp-signals',
  version: 1,
  step: 6,
  epoch: 2,
  batches: 8,
  batchSize: 8,
  groups: 8,
  keptBytes: 0,
  losses: [{ name: 'primary', tap: 'conv3_1', bottom: 'conv2_1', weight: 1 }],
  layers: [
    {
      layer: 'conv3_1',
      segment: 'seg3',
      parameters: 432,
      weight: 0.1,
      byLoss: {
        primary: {
          inRange: true,
          signalToNoise: ESTIMATE,
          mean: 1,
          spread: 2,
          magnitude: ESTIMATE,
        },
      },
      pairs: [],
    },
  ],
};
const append = (): void => {
  appendFileSync(join(cwd, 'run/metrics.jsonl'), `${JSON.stringify(ROW)}\n`);
};

/** Locks the run as a training does that is killed: by a process that ends without giving it free. */
const lockAndDie = (): void => {
  const lock = JSON.stringify(new URL('../../dist/run/run-lock.js', import.meta.url).href);
  const folder = JSON.stringify(join(cwd, 'run'));
  const script = `import { lockRun } from ${lock}; lockRun(${folder});`;
  execFileSync(process.execPath, ['--input-type=module', '-e', script]);
};

describe('the server', () => {
  it('gives the page, its data and its pictures, and nothing else', async () => {
    const page = await ask('/');
    expect(page).toMatchObject({
      status: 200,
      headers: { 'content-type': 'text/html; charset=utf-8' },
    });
    expect(page.body).toContain("connect-src 'self'");
    const [only, ...others] = (await data()).runs;
    expect(others).toEqual([]);
    expect(only).toMatchObject({ label: 'run', method: 'relay BP', state: 'finished', step: 6 });
    const picture = only!.validation!.galleries.flatMap(({ images }) => images)[0]!.picture!;
    expect(await ask(`/${picture}`)).toMatchObject({
      status: 200,
      headers: { 'content-type': 'image/webp' },
    });
    for (const path of [
      '/run/config.yaml',
      '/../run/config.yaml',
      '/..%2f..%2f..%2fetc/passwd',
      '/picture/../../c.yaml',
      `/picture/${'0'.repeat(32)}`,
      '/picture/%2e%2e',
      '//etc/passwd',
      '/data.json/',
    ]) {
      expect((await ask(path)).status, path).toBe(404);
    }
  });

  it('only reads', async () => {
    expect(await ask('/', 'HEAD')).toMatchObject({ status: 200, body: '' });
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      const answer = await ask('/data.json', method);
      expect(answer, method).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
    }
  });

  it('answers only to the names of this machine, so that no other site can point here', async () => {
    expect((await ask('/', 'GET', { host: 'evil.example' })).status).toBe(403);
    expect((await ask('/', 'GET', { host: 'localhost.evil.example:80' })).status).toBe(403);
    expect((await ask('/', 'GET', { host: '127.0.0.1.evil.example' })).status).toBe(403);
    expect((await ask('/', 'GET', { host: '[::ffff:10.0.0.1]' })).status).toBe(403);
    for (const host of [
      'localhost:1',
      'LOCALHOST',
      '127.1',
      '127.9.9.9:80',
      '[::1]:7',
      '[::ffff:127.0.0.1]',
    ]) {
      expect((await ask('/', 'GET', { host })).status, host).toBe(200);
    }
  });

  it('refuses whoever does not have the token, and says nothing', async () => {
    const { pathname } = new URL(url);
    const token = pathname.slice(1, -1);
    const others = [token.slice(0, -1), `${token}x`, token.toLowerCase(), 'x'.repeat(22), '', '%'];
    for (const other of others) {
      for (const path of ['/', '/data.json', '/events', `/picture/${'0'.repeat(32)}`]) {
        const { status, body } = await askWholly(`/${other}${path}`);
        expect(status, `${other}${path}`).toBe(403);
        expect(body).not.toContain(token);
      }
    }
    expect((await askWholly('/data.json')).status).toBe(403);
    expect(await askWholly(`/${token}`)).toMatchObject({
      status: 308,
      headers: { location: pathname },
    });
  });

  it('cannot be framed by another page', async () => {
    for (const path of ['/', '/data.json', '/nothing']) {
      const { headers } = await ask(path);
      expect(headers['content-security-policy'], path).toContain("frame-ancestors 'none'");
    }
  });

  it('a hundred clients that do not read leave memory and answers as they are', async () => {
    const rows = Array.from({ length: 60_000 }, (_, i) => JSON.stringify({ ...ROW, step: i + 8 }));
    appendFileSync(join(cwd, 'run/metrics.jsonl'), `${rows.join('\n')}\n`);
    const size = async (): Promise<number> => (await ask('/data.json')).body.length;
    await expect.poll(size, { timeout: 30_000 }).toBeGreaterThan(2e6);
    const before = residentMiB();
    const { port, pathname } = new URL(url);
    const clients = Array.from({ length: 100 }, () => {
      const client = connect(Number(port), '127.0.0.1');
      client.on('error', () => {});
      client.pause();
      client.write(`GET ${pathname}data.json HTTP/1.1\r\nhost: localhost\r\n\r\n`);
      return client;
    });
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect(await size()).toBeGreaterThan(2e6);
    expect(residentMiB() - before).toBeLessThan(150); // copies would be over 200
    for (const client of clients) client.destroy();
  });

  it('takes a training whose process is dead for broken off, though its lock is there', async () => {
    lockAndDie();
    expect(readdirSync(join(cwd, 'run')).filter((name) => name.startsWith('lock.'))).toHaveLength(
      1,
    );
    append();
    const state = async (): Promise<string> => (await data()).runs[0]!.state;
    await expect.poll(state, { timeout: 30_000 }).toBe('broken off');
  });

  it('tells of new rows, reads on when the run does, and ends by SIGTERM', async () => {
    const response = await fetch(`${url}events`);
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    const lock = lockRun(join(cwd, 'run'));
    append();
    const state = async (): Promise<string> => (await data()).runs[0]!.state;
    await expect.poll(state, { timeout: 30_000 }).toBe('in progress');
    let heard = '';
    while (!heard.includes('event: change')) heard += (await reader.read()).value ?? '';
    const [only] = (await data()).runs;
    expect(only).toMatchObject({ step: 7 });
    expect(only!.val.top1_err!.at(-1)).toBe(1);
    lock.release();
    await expect.poll(state, { timeout: 30_000 }).toBe('broken off');
    watching.child.kill('SIGTERM');
    expect(await watching.outcome).toMatchObject({ code: 0, stderr: '' });
  });
});

inBrowser((browser) => {
  it('the page follows the run', async () => {
    const page = await browser().newPage();
    const said: string[] = [];
    page.on('console', (message) => said.push(message.text()));
    page.on('pageerror', (error) => said.push(error.message));
    await page.goto(url);
    await expect.poll(() => page.locator('.live').textContent()).toBe('live');
    const card = page.locator('.card');
    await expect.poll(() => card.textContent()).toContain('finished');
    const lock = lockRun(join(cwd, 'run'));
    append();
    await expect.poll(() => card.textContent(), { timeout: 30_000 }).toContain('in progress');
    expect(await card.locator('.figure b').allTextContents()).toEqual(['99.00 %', '100.00 %', '7']);
    await expect.poll(() => page.locator('#signals').textContent()).toContain('Not measured');
    appendFileSync(join(cwd, 'run/signals.jsonl'), `${JSON.stringify(SIGNALS)}\n`);
    const charts = page.locator('#signals figure.chart h3');
    await expect
      .poll(() => charts.allTextContents(), { timeout: 30_000 })
      .toEqual(["How far each loss's signal carries, step 6"]);
    lock.release();
    await expect.poll(() => card.textContent(), { timeout: 30_000 }).toContain('broken off');
    expect(await page.title()).toBe('run · relaybp');
    expect(said).toEqual([]);
    await page.close();
  });
});

describe('watch', () => {
  it('says so when the port is taken, the host is not there, or the run is none', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    const busy = await run(['watch', 'run', '--port', String(port)], cwd);
    expect(busy).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`--port ${port}: in use`),
    });
    taken.close();
    const host = await run(['watch', 'run', '--port', '0', '--host', '192.0.2.1'], cwd);
    expect(host).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('address not available'),
    });
    const none = await run(['watch', 'nothing'], cwd);
    expect(none).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('nothing: no such folder'),
    });
  });
});
