import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { RelaybpError } from '../errors.js';
import { toMend } from '../installation.js';
import type { ReportData } from './page-data.js';

/** Made by the build from src/report/page. */
const FILES = { script: 'page.js', style: 'page.css' } as const;

/** The page's own security policy: it may reach nothing, a watched one its own server. */
export const pagePolicy = (live: boolean): string => {
  const own = live ? " 'self'" : '';
  return `default-src 'none'; img-src data:${own}; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src ${live ? "'self'" : "'none'"}; base-uri 'none'; form-action 'none'`;
};

/** One self-contained HTML page. @param data null for a page that fetches its data from the server it comes from */
export function htmlPage(data: ReportData | null): string {
  const groups = data?.groups.map(({ label }) => label).join(', ');
  const title = data?.study?.name ?? groups ?? 'watching';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${pagePolicy(data === null)}">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)} · relaybp</title>
<link rel="icon" href="data:,">
<style>${asset('style')}</style>
</head>
<body>
<noscript>This page draws its charts with JavaScript.</noscript>
<script type="application/json" id="data">${jsonForHtml(data)}</script>
<script>${asset('script').replaceAll('</script', '<\\/script')}</script>
</body>
</html>
`;
}

function asset(which: keyof typeof FILES): string {
  const url = new URL(`./page/${FILES[which]}`, built());
  if (!existsSync(url)) {
    throw new RelaybpError(`${fileURLToPath(url)}: missing`, toMend());
  }
  return readFileSync(url, 'utf8');
}

/** This file's folder in `dist`, also where it runs from `src`. */
const built = (): URL =>
  new URL(
    import.meta.url.endsWith('.ts') ? '../../dist/report/page.js' : './page.js',
    import.meta.url,
  );

/** No text in it can end the script element. */
const jsonForHtml = (data: unknown): string => JSON.stringify(data).replaceAll('<', '\\u003c');

const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
