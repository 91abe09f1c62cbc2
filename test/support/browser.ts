import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import type { Browser } from 'puppeteer-core';

/** Where Chromium is: `CHROMIUM`, or where Debian's package puts it. */
export const CHROMIUM = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
].find((path) => path !== undefined && existsSync(path));

/** Why tests in a browser cannot run; with RELAYBP_REQUIRE_BROWSER=1 they fail instead of being skipped. */
export const NO_CHROMIUM =
  'there is no Chromium: apt-get install chromium, or name one in CHROMIUM';

export async function launchBrowser(): Promise<Browser> {
  const { launch } = await import('puppeteer-core');
  return launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
  });
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.css': 'text/css',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

/**
 * A static server on the loopback address.
 *
 * @param folders folders by the path under which they are served; the longest path that fits wins
 */
export async function serveFolders(
  folders: Readonly<Record<string, string>>,
): Promise<{ url: string; close(): void }> {
  const prefixes = Object.keys(folders).sort((a, b) => b.length - a.length);
  const server: Server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url!, 'http://x').pathname));
    const prefix = prefixes.find((each) => path.startsWith(each))!;
    const rest = path.slice(prefix.length);
    const file = join(folders[prefix]!, rest === '' ? 'index.html' : rest);
    if (!statSync(file, { throwIfNoEntry: false })?.isFile()) {
      response.writeHead(404).end();
      return;
    }
    const type = TYPES[extname(file)] ?? 'application/octet-stream';
    response.writeHead(200, { 'content-type': type }).end(readFileSync(file));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, close: () => server.close() };
}
