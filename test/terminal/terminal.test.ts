import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ProgressView } from '../../src/terminal/progress.js';
import { Foot } from '../../src/terminal/terminal.js';
import { trainView } from '../../src/terminal/train-view.js';
import { Screen } from '../support/screen.js';

/** Looked at in a terminal emulator. */

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  vi.stubEnv('TERM', 'xterm-256color');
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

const later = (seconds: number): void => void vi.advanceTimersByTime(1000 * seconds);

function begin(events: ReturnType<typeof trainView>): void {
  events.start({
    run: 'runs/a',
    step: 0,
    totalSteps: 8880,
    wholeSteps: 8880,
    epoch: 0,
    epochs: 60,
    images: 9472,
    engine: 'native (TensorFlow 2.21.0, 2 threads, cpu)',
    primary: 'primary',
  });
}

/** After a minute, 481 steps. */
function go(events: ReturnType<typeof trainView>, loss = 1.2345): void {
  later(60);
  events.step({
    step: 481,
    totalSteps: 8880,
    epoch: 3.25,
    lr: 0.05,
    top1: 45.31,
    loss,
    losses: new Map([
      ['primary', loss],
      ['auxiliary', 1.3456],
    ]),
    imagesPerSecond: 1361.4,
    dataWait: 0.031,
    rankWait: 0,
  });
}

function evaluated(events: ReturnType<typeof trainView>, loss = 1.503): void {
  const head = { images: 200, top1: 43, top5: 91.5, top1_err: 57, top5_err: 8.5, loss };
  const heads = new Map([
    ['primary', head],
    ['auxiliary', head],
  ]);
  events.evaluated(444, 3, heads, 1, true);
}

const view = (screen: Screen) => trainView(new Foot().terminal(screen), { trial: false });

describe('a training on a terminal', () => {
  const [epoch, primary, left] = ['epoch 3.3/60', 'primary loss 1.234', '17 min 28 s left'];
  it.each([
    [60, ` ${epoch}  primary 1.234  1361 img/s  ${left}`],
    [80, ` BAR  ${epoch}  ${primary}  1361 images/s  ${left}`],
    [120, ` BAR  ${epoch}  ${primary}  auxiliary loss 1.346  top-1 45.3 %  1361 images/s  ${left}`],
    [
      160,
      ` BAR  ${epoch}  step 481/8880  ${primary}  auxiliary loss 1.346  top-1 45.3 %  1361 images/s  ${left}  data wait 3 %`,
    ],
  ])('%d columns: epoch, which loss, images/s and time left on one line', async (columns, line) => {
    const screen = new Screen(columns);
    const events = view(screen);
    begin(events);
    go(events);
    const lines = await screen.lines();
    expect(lines.slice(2).map((text) => text.replace(/█+░+/, 'BAR'))).toEqual([line]);
    expect(lines[2]!.length).toBeLessThan(columns);
  });

  it.each([40, 60, 80, 120])('%d columns: lines that stay are whole', async (columns) => {
    const screen = new Screen(columns, 8);
    const events = view(screen);
    begin(events);
    for (let i = 0; i < 5; i++) {
      go(events);
      evaluated(events);
    }
    events.notice(`skipped: ${'folder/'.repeat(20)}image.jpg: not an image`);
    events.end();
    const lines = await screen.lines();
    const text = lines.join('').replace(/\s+/g, '');
    const validation =
      'epoch3.00step444validation:top-143.00%top-591.50%primaryloss1.503auxiliaryloss1.503(best)';
    expect(text.split(validation)).toHaveLength(6);
    expect(text).toContain(`${'folder/'.repeat(20)}image.jpg:notanimage`);
    expect(text).not.toMatch(/[█░]|left/);
    if (columns >= 60) {
      // Broken between figures, not inside of one.
      const broken = lines.filter((line) => line.startsWith('  '));
      expect(broken.every((line) => /^ {2}(top-5|primary|auxiliary|\(best)/.test(line))).toBe(true);
    }
  });

  it('evaluating takes the place of the speed', async () => {
    const screen = new Screen(80);
    const events = view(screen);
    begin(events);
    go(events);
    later(1);
    events.evaluating(64, 200);
    expect((await screen.lines()).at(-1)).toContain('evaluating 64/200  17 min 28 s left');
    later(1);
    events.evaluating(200, 200);
    expect((await screen.lines()).at(-1)).not.toContain('evaluating');
  });

  it('nothing of the status stays behind: not after ^C, nor another width, nor the end', async () => {
    const screen = new Screen(120);
    const foot = new Foot();
    const terminal = foot.terminal(screen);
    const events = trainView(terminal, { trial: false });
    begin(events);
    go(events);
    screen.write('^C'); // the terminal's echo
    terminal.line('finishing the current step; a second signal stops at once');
    await screen.resize(60);
    later(1);
    go(events);
    await screen.resize(100);
    expect((await screen.lines()).filter((line) => line.includes('left'))).toHaveLength(1);
    events.end();
    terminal.line('interrupted after step 481');
    expect((await screen.lines()).slice(2)).toEqual([
      'finishing the current step; a second signal stops at once',
      'interrupted after step 481',
    ]);
  });

  it('a loss that explodes is in scientific form', async () => {
    const screen = new Screen(80);
    const events = view(screen);
    begin(events);
    go(events, 1.2345e30);
    expect((await screen.lines()).at(-1)).toContain('primary loss 1.23e+30');
    evaluated(events, 4.5e28);
    expect((await screen.lines()).join(' ')).toContain('primary loss 4.50e+28');
  });

  it('a trial does not speak of the best', async () => {
    const screen = new Screen(80);
    const events = trainView(new Foot().terminal(screen), { trial: true });
    begin(events);
    evaluated(events);
    const text = (await screen.lines()).join(' ');
    expect(text).toContain('top-1 43.00 %');
    expect(text).not.toContain('best');
  });
});

describe('where there is no status', () => {
  it.each([
    ['a pipe', { isTTY: false, TERM: 'xterm' }],
    ['a terminal without control sequences', { isTTY: true, TERM: 'dumb' }],
  ])('%s gets plain lines of any length', (_, { isTTY, TERM }) => {
    vi.stubEnv('TERM', TERM);
    let text = '';
    const write = (more: string): void => {
      text += more;
    };
    const stream = { isTTY, columns: 40, write, on: () => {}, off: () => {} };
    const events = trainView(new Foot().terminal(stream), { trial: false });
    begin(events);
    go(events);
    evaluated(events);
    events.end();
    expect(text.split('\n').slice(2)).toEqual([
      'epoch 3.00  step 444  validation: top-1 43.00 %  top-5 91.50 %  primary loss 1.503  auxiliary loss 1.503  (best)',
      '',
    ]);
  });
});

describe('other long work', () => {
  it('notices come above its status, which goes when it is done', async () => {
    const screen = new Screen(60);
    const foot = new Foot();
    const terminal = foot.terminal(screen);
    const progress = new ProgressView(terminal);
    later(2);
    progress.update(1200, 5000, 'statistics of the training images', '830 images/s');
    foot.above(() => screen.write('a notice, on the other stream\n'));
    expect(await screen.lines()).toEqual([
      'a notice, on the other stream',
      ' ███░░░░░░░░░  statistics of the training images  1200/5000',
    ]);
    progress.update(5000, 5000, 'statistics of the training images', '830 images/s');
    expect(await screen.lines()).toEqual(['a notice, on the other stream']);
  });

  it('a path with wide letters is cut, and begins no second line', async () => {
    const screen = new Screen(40);
    const progress = new ProgressView(new Foot().terminal(screen));
    later(2);
    for (let i = 1; i < 4; i++) {
      progress.update(i, 10, `indexing ${'写真'.repeat(10)}`, '');
      later(1);
    }
    expect(await screen.lines()).toHaveLength(1);
  });
});
