import { availableParallelism } from 'node:os';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ConfigError } from '../src/errors.js';
import { givenProcessors, processors, withProcessors } from '../src/processors.js';

const say = (text: string | undefined): void => {
  vi.stubEnv('RELAYBP_PROCESSORS', text);
};
afterEach(() => void vi.unstubAllEnvs());

describe('processors', () => {
  it('are all that this process may run on', () => {
    for (const nothing of [undefined, '']) {
      say(nothing);
      expect(processors()).toBe(availableParallelism());
      expect(givenProcessors()).toBeNull();
    }
  });

  it('are as many as RELAYBP_PROCESSORS says, but never more than there are', () => {
    say('1');
    expect(processors()).toBe(1);
    say('100000');
    expect(processors()).toBe(availableParallelism());
    expect(givenProcessors()).toBe(100_000);
  });

  it.each(['0', '-1', '1.5', 'two', '1e3', ' 2'])('RELAYBP_PROCESSORS=%s is an error', (text) => {
    say(text);
    expect(processors).toThrow(ConfigError);
    expect(processors).toThrow(`RELAYBP_PROCESSORS=${text}: a whole number`);
  });

  it('are given to other processes with two threads more that wait for files', () => {
    const { RELAYBP_PROCESSORS, UV_THREADPOOL_SIZE, PATH } = withProcessors(3);
    expect({ RELAYBP_PROCESSORS, UV_THREADPOOL_SIZE, PATH }).toEqual({
      RELAYBP_PROCESSORS: '3',
      UV_THREADPOOL_SIZE: '5',
      PATH: process.env.PATH,
    });
  });
});
