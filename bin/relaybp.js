#!/usr/bin/env node
// CommonJS (package.json beside it): where the main file is an ES module, Node.js 20 has started its thread pool,
// which images are decoded on, before the first line of it runs; then the size set here comes too late.
const { existsSync } = require('node:fs');
const { availableParallelism } = require('node:os');
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');

// Until somebody has listened to this signal, Node.js opens a debugger's port on it. Schedulers send it to say that
// the time is nearly over.
const nothing = () => {};
process.on('SIGUSR1', nothing).off('SIGUSR1', nothing);

const processors = Math.min(
  Number(process.env.RELAYBP_PROCESSORS) || Number.POSITIVE_INFINITY,
  availableParallelism(),
);
process.env.UV_THREADPOOL_SIZE ??= String(Math.max(4, processors + 2));

const cli = join(__dirname, '../dist/cli.js');
if (existsSync(cli)) {
  import(pathToFileURL(cli).href).then(async ({ main }) => {
    process.exitCode = await main(process.argv.slice(2));
  });
} else {
  process.stderr.write('relaybp is not built yet: run "npm run build" in its folder\n');
  process.exitCode = 1;
}
