import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import type { LiveReport } from './live-report.js';
import { thumbnail } from './pictures.js';

/** How often an idle connection is written to, so that nothing on the way takes it for dead. */
const KEEP_ALIVE_MS = 15_000;

const HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
};

/**
 * Serves the page and its data, read-only. Four addresses and nothing else, none of which is a path on the disk:
 *
 * - `/` the page
 * - `/data.json` its data
 * - `/events` server-sent events: one each time that the data have changed
 * - `/picture/<name>` a picture that the data name
 *
 * On a loopback address only requests that name one are answered, so that no site on the internet can read along by
 * letting its own name point here.
 *
 * @param options.page the HTML, of `htmlPage(null)`
 */
export function watchServer(
  report: LiveReport,
  { loopback, page }: { loopback: boolean; page: string },
): Server {
  const listeners = new Set<ServerResponse>();
  report.onChange(() => {
    for (const listener of listeners) listener.write('event: change\ndata:\n\n');
  });
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (!response.headersSent) text(response, 500, `${(error as Error).message}\n`);
      else response.destroy();
    });
  });
  const keepAlive = setInterval(() => {
    for (const listener of listeners) listener.write(':\n\n');
  }, KEEP_ALIVE_MS);
  server.on('close', () => clearInterval(keepAlive));

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      return text(response, 405, 'read-only\n');
    }
    if (loopback && !isLoopback(hostOf(request))) return text(response, 403, 'ask by localhost\n');
    const path = (request.url ?? '').replace(/\?.*$/, '');
    const [, picture] = /^\/picture\/([0-9a-f]{32})$/.exec(path) ?? [];
    if (path === '/') return send(response, 'text/html; charset=utf-8', page);
    if (path === '/data.json') {
      return send(response, 'application/json', JSON.stringify(report.data()));
    }
    if (path === '/events') return listen(request, response);
    const file = picture === undefined ? undefined : report.picture(picture);
    if (file === undefined) return text(response, 404, 'not found\n');
    send(response, 'image/webp', await thumbnail(file));
  }

  function listen(request: IncomingMessage, response: ServerResponse): void {
    response.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream' });
    if (request.method === 'HEAD') return void response.end();
    response.write(':\n\n');
    listeners.add(response);
    request.on('close', () => listeners.delete(response));
  }
  return server;
}

function send(response: ServerResponse, type: string, body: string | Buffer): void {
  const length = Buffer.byteLength(body);
  response.writeHead(200, { ...HEADERS, 'content-type': type, 'content-length': length });
  response.end(body); // Node leaves the body out of an answer to HEAD
}

function text(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { ...HEADERS, 'content-type': 'text/plain; charset=utf-8' });
  response.end(body);
}

/** The name in the request's Host header, without port and brackets. */
function hostOf({ headers }: IncomingMessage): string {
  return (headers.host ?? '').replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
