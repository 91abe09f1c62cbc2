// Bundles the browser part of `relaybp report` and `relaybp watch`, with its plotting library, into two files that the
// commands put into the page: dist/report/page/page.js and page.css.
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));

await build({
  entryPoints: { page: path('src/report/page/main.ts') },
  outdir: path('dist/report/page'),
  bundle: true,
  minify: true,
  format: 'iife',
  target: ['chrome110', 'firefox115', 'safari16'],
  tsconfig: path('src/report/page/tsconfig.json'),
  legalComments: 'inline',
  logLevel: 'warning',
});
await build({
  entryPoints: { page: path('src/report/page/style.css') },
  outdir: path('dist/report/page'),
  bundle: true,
  minify: true,
  target: ['chrome110', 'firefox115', 'safari16'],
  logLevel: 'warning',
});
