import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { LiveReport } from './live-report.js';
import { isLoopbackAddress, namesLoopback } from './loopback.js';
import { pagePolicy } from './page.js';
import { Thumbnails } from './pictures.js';

/** How often an idle connection is written to, so that nothing on the way takes it for dead. */
const KEEP_ALIVE_MS = 15_000;
/** A client that takes nothing of its answer for so long does not get the rest. */
const STALLED_MS = 30_000;
/** Bytes that may wait for a client that listens but does not read. */
const MOST_WAITING = 2 ** 16;
/** Browsers open some six each. */
const MOST_CONNECTIONS = 1000;

const HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
};
const PAGE = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `${pagePolicy(true)}; frame-ancestors 'none'`,
};

export interface WatchServerOptions {
  /** The HTML, of `htmlPage(null)`. */
  page: string;
  /** Whoever has it may read: all addresses begin with it. A name in an address: letters, digits, - and _. */
  token: string;
}

/**
 * Serves the page and its data, read-only, to those who know the token. Four addresses and nothing else, none of which
 * is a path on the disk:
 *
 * - `/<token>/` the page
 * - `/<token>/data.json` its data
 * - `/<token>/events` server-sent events: one each time that the data have changed
 * - `/<token>/picture/<name>` a picture that the data name
 *
 * Where it listens on a loopback address only requests that name one are answered. All clients get the same bytes,
 * which are made once: however many there are and however slowly they read, there is one copy.
 */
export function watchServer(report: LiveReport, { page, token }: WatchServerOptions): Server {
  const html = Buffer.from(page);
  const listeners = new Set<ServerResponse>();
  const thumbnails = new Thumbnails();
  report.onChange(() => tell('event: change\ndata:\n\n'));
  const keepAlive = setInterval(() => tell(':\n\n'), KEEP_ALIVE_MS);
  const server = createServer((request, response) => {
    response.setTimeout(STALLED_MS, () => response.destroy());
    answer(request, response).catch((error: unknown) => {
      if (!response.headersSent) text(response, 500, `${(error as Error).message}\n`);
      else response.destroy();
    });
  });
  server.maxConnections = MOST_CONNECTIONS;
  server.on('close', () => {
    clearInterval(keepAlive);
    void thumbnails.close();
  });

  function tell(event: string): void {
    for (const listener of listeners) {
      if (listener.writableLength > MOST_WAITING) listener.destroy();
      else listener.write(event);
    }
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      return text(response, 405, 'read-only\n');
    }
    const { localAddress } = request.socket;
    if (localAddress && isLoopbackAddress(localAddress) && !namesLoopback(request.headers.host)) {
      return text(response, 403, 'ask by localhost\n');
    }
    const [, given = '', path] = /^\/([^/?]*)(\/[^?]*)?/.exec(request.url ?? '') ?? [];
    if (!same(given, token)) {
      return text(response, 403, 'take the whole address that relaybp watch has printed\n');
    }
    if (path === undefined) {
      response.writeHead(308, { ...HEADERS, location: `/${token}/` });
      return void response.end();
    }
    const [, picture] = /^\/picture\/([0-9a-f]{32})$/.exec(path) ?? [];
    if (path === '/') return send(response, PAGE, html);
    if (path === '/data.json') {
      return send(response, { 'content-type': 'application/json' }, report.json());
    }
    if (path === '/events') return listen(request, response);
    const source = picture === undefined ? undefined : report.picture(picture);
    if (source === undefined) return text(response, 404, 'not found\n');
    send(response, { 'content-type': 'image/webp' }, await thumbnails.make(source));
  }

  function listen(request: IncomingMessage, response: ServerResponse): void {
    response.setTimeout(0); // an event comes when it comes
    response.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream' });
    if (request.method === 'HEAD') return void response.end();
    response.write(':\n\n');
    listeners.add(response);
    response.on('close', () => listeners.delete(response));
  }
  return server;
}

/** Takes as long however much of it is right. */
function same(given: string, token: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(token)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function send(response: ServerResponse, headers: Record<string, string>, body: Buffer): void {
  response.writeHead(200, { ...HEADERS, ...headers, 'content-length': body.length });
  response.end(body); // Node leaves the body out of an answer to HEAD
}

function text(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { ...HEADERS, 'content-type': 'text/plain; charset=utf-8' });
  response.end(body);
}
