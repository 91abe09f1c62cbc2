import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Outcome, run } from '../support/cli.js';
import { folderWith, SMALL_CONFIG } from '../support/configs.js';

let cwd: string;
beforeAll(() => {
  cwd = folderWith({ 'c.yaml': SMALL_CONFIG });
});
const relaybp = (...args: string[]): Promise<Outcome> => run(args, cwd);

describe('help', () => {
  it.each([
    [['help', 'trian'], 'train'],
    [['help', 'data', 'chekc'], 'check'],
    [['data', 'help', 'chekc'], 'check'],
    [['engine', 'help', 'instal'], 'install'],
    [['trian'], 'train'],
  ])('%j suggests %s', async (args, near) => {
    const { code, stdout, stderr } = await relaybp(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(`error: unknown command '${args.at(-1)}'\n(Did you mean ${near}?)`);
  });

  it('suggests nothing for what is near to nothing', async () => {
    const { code, stderr } = await relaybp('help', 'xylophone');
    expect(code).toBe(2);
    expect(stderr).not.toContain('Did you mean');
  });

  it('shows what --help shows', async () => {
    for (const words of [[], ['train'], ['data'], ['data', 'check']]) {
      const [help, option] = [await relaybp('help', ...words), await relaybp(...words, '--help')];
      expect(help).toEqual({ code: 0, signal: null, stdout: option.stdout, stderr: '' });
    }
  });
});

describe('an unknown option', () => {
  it.each([
    [['train', 'c.yaml', '--epoch', '3'], 'Did you mean --epochs?'],
    [['train', 'c.yaml', '--batchsize', '3'], 'Did you mean --batch-size?'],
    [['eval', '--engin', 'wasm'], 'Did you mean --engine?'],
    [
      ['train', 'c.yaml', '--weight-decay', '0.1'],
      'hint: in the config that is optimizer.weightDecay: --set optimizer.weightDecay=…',
    ],
    [['plan', 'c.yaml', '--seed', '3'], 'hint: in the config that is seed: --set seed=…'],
  ])('%j: %s', async (args, message) => {
    const { code, stderr } = await relaybp(...args);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });

  it('is not said to be a key where there is no --set', async () => {
    expect((await relaybp('eval', '--seed', '3')).stderr).not.toContain('hint');
  });
});

describe('short forms of --set', () => {
  const printed = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await relaybp('plan', 'c.yaml', '--print-config', ...args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout;
  };

  it('set the same keys', async () => {
    const short = ['--epochs', '7', '--batch-size', '12', '--lr', '1e-3', '--data', 'my: photos'];
    const long = [
      ...['--set', 'training.epochs=7', '--set', 'training.batchSize=12'],
      ...['--set', 'optimizer.lr=0.001', '--set', "data.root='my: photos'"],
    ];
    const text = await printed(...short);
    expect(text).toBe(await printed(...long));
    expect(text).toContain('root: "my: photos"');
    expect(text).toMatch(/ {2}epochs: 7\n {2}batchSize: 12\n/);
    expect(text).toContain('lr: 0.001');
  });

  it('--epochs takes the place of steps, and the last one wins', async () => {
    writeFileSync(join(cwd, 's.yaml'), 'extends: c.yaml\ntraining: {epochs: null, steps: 5}\n');
    const { stdout } = await relaybp('plan', 's.yaml', '--print-config', '--epochs', '3');
    expect(stdout).toContain('training:\n  epochs: 3\n');
    expect(stdout).not.toContain('steps: 5');
    const set = ['--set', 'training.epochs=9'];
    expect(await printed('--epochs', '3', ...set)).toContain('  epochs: 9\n');
    expect(await printed(...set, '--epochs', '3')).toContain('  epochs: 3\n');
  });

  it.each([
    [['--epochs', '0'], "option '--epochs <n>' argument '0' is invalid. a number above zero"],
    [['--lr', 'high'], "option '--lr <rate>' argument 'high' is invalid"],
    [['--batch-size', '2.5'], "option '--batch-size <n>' argument '2.5' is invalid"],
  ])('%j is refused', async (args, message) => {
    const { code, stderr } = await relaybp('train', 'c.yaml', ...args);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });
});

describe('plan', () => {
  it('lists the actions of a step with --steps only', async () => {
    const without = (await relaybp('plan', 'c.yaml')).stdout;
    expect(without).not.toContain('forward   conv1_1');
    const [, actions] =
      /\none step {19}2 x micro-batch of 4, (\d+) actions each: --steps lists them\n$/.exec(
        without,
      )!;
    const { stdout } = await relaybp('plan', 'c.yaml', '--steps');
    const list = stdout.split('one step = 2 x micro-batch of 4:\n')[1]!.split('\n');
    const isAction = (line: string): boolean => line.startsWith('  ');
    expect(list.filter(isAction)).toHaveLength(Number(actions));
    expect(list).toContain('  forward   conv1_1');
    expect(stdout).toMatch(/\nthen update \d+ layers: /);
  });
});
