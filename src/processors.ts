import { availableParallelism } from 'node:os';
import { ConfigError } from './errors.js';

/** Of the environment: how many processors relaybp may keep busy. */
const VARIABLE = 'RELAYBP_PROCESSORS';

/**
 * How many processors are ours, for whatever starts threads or processes: all that the system lets this process run on,
 * or as many as `RELAYBP_PROCESSORS` says, if that is fewer. The runs of a study beside each other have a share each.
 *
 * @throws ConfigError if the variable is no such number
 */
export function processors(): number {
  const given = givenProcessors();
  return given === null ? availableParallelism() : Math.min(given, availableParallelism());
}

/** Null where the environment does not say. @throws ConfigError */
export function givenProcessors(): number | null {
  const text = process.env[VARIABLE];
  if (text === undefined || text === '') return null;
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new ConfigError(
    `${VARIABLE}=${text}: a whole number of processors, 1 or more`,
    `for instance ${VARIABLE}=2, or leave it out for all`,
  );
}

/** The environment of a process that is to keep so many processors busy: engines, loaders and decoders go by it. */
export const withProcessors = (count: number): NodeJS.ProcessEnv => ({
  ...process.env,
  [VARIABLE]: String(count),
  UV_THREADPOOL_SIZE: String(count + 2),
});
