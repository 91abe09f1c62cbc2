import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { ConfigError } from '../errors.js';
import { LiveReport } from '../report/live-report.js';
import { LiveStudy } from '../report/live-study.js';
import { isLoopbackAddress } from '../report/loopback.js';
import { htmlPage } from '../report/page.js';
import { studyAmong } from '../report/study-of-folder.js';
import { watchServer } from '../report/watch-server.js';
import { runFolders } from '../run/run-folders.js';
import { messageOf } from '../system-error.js';
import { WATCH_DEFAULTS } from './defaults.js';
import { type Hooks, listening } from './hooks.js';
import { checkDataRoot, withDefaults } from './options.js';

export interface WatchCommandOptions {
  /** 0: any that is free. */
  port?: number;
  host?: string;
  /** Where the runs' data are now, if they have moved. */
  dataRoot?: string;
  /** False: `withoutPaths`. */
  paths?: boolean;
}

/** 128 random bits: nobody guesses them. */
const TOKEN_BYTES = 16;
/** How often the run's files are looked at. */
const LOOK_MS = 1000;

/** `relaybp watch`: serves the page until `signal` is aborted. Runs that begin in a folder of runs are shown, too. */
export async function watchCommand(
  runs: readonly string[],
  options: WatchCommandOptions = {},
  hooks: Hooks = {},
): Promise<void> {
  const { port, host, dataRoot, paths = true } = withDefaults(options, WATCH_DEFAULTS);
  const { notice, signal } = listening(hooks);
  checkDataRoot(dataRoot);
  const page = htmlPage(null); // before anything is opened: it may be that it cannot be made
  const folder = studyAmong(runs);
  const study = folder === null ? null : new LiveStudy(folder, { dataRoot });
  const report = new LiveReport(
    {
      runs: () => study?.runs() ?? runFolders(runs).map((source) => ({ ...source, dataRoot })),
      study,
      paths,
    },
    LOOK_MS,
    notice,
  );
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  const server = watchServer(report, { page, token });
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
    const { address, family, port: actual } = server.address() as AddressInfo;
    const name = family === 'IPv6' ? `[${address}]` : address;
    notice(`watching ${runs.join(', ')}: http://${name}:${actual}/${token}/ (Ctrl-C ends it)`);
    if (!isLoopbackAddress(address)) {
      notice(
        `whoever has this address and reaches ${host} can see these runs, their configs and images, and so can anyone who listens on the network, as it is not encrypted; nobody can change them`,
      );
    }
    await new Promise<void>((resolve) => {
      if (signal?.aborted) resolve();
      signal?.addEventListener('abort', () => resolve());
    });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') {
      throw new ConfigError(`--port ${port}: in use on ${host}`, 'take another, or 0 for any');
    }
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EACCES') {
      throw new ConfigError(`--host ${host}, --port ${port}: ${messageOf(error)}`, 'check the two');
    }
    throw error;
  } finally {
    report.close();
    server.close();
    server.closeAllConnections();
  }
}
