import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { appendWhole, replaceFile } from '../files.js';
import { MOST_BYTES, readRegularBytes } from '../regular-file.js';
import { changing, reading } from '../run/changing.js';
import { decodeEvent, type Event, encodeEvent } from './event-proto.js';
import { readRecords, record } from './event-records.js';

/** A TensorBoard event file: TFRecords of serialized `tensorflow.Event` messages, appended one at a time. */
export class EventFile {
  private readonly path: string;

  /** Begins a new file in `folder`; its name sorts after those of the event files that are there. */
  constructor(folder: string) {
    changing(`${folder}: cannot be made`, () => mkdirSync(folder, { recursive: true }));
    const seconds = readdirSync(folder).map((name) =>
      Number(/tfevents\.(\d+)/.exec(name)?.[1] ?? 0),
    );
    const now = Math.max(Math.floor(Date.now() / 1000), 1 + Math.max(0, ...seconds));
    const stamp = String(now).padStart(10, '0');
    this.path = join(folder, `events.out.tfevents.${stamp}.${hostname()}.${process.pid}`);
    this.append({ fileVersion: 'brain.Event:2' });
  }

  append(event: Omit<Event, 'wallTime'>): void {
    const data = encodeEvent({ wallTime: Date.now() / 1000, ...event });
    changing(`${this.path}: cannot be written`, () => appendWhole(this.path, record(data)));
  }
}

/**
 * Takes out of a folder's event files what they hold past a step, so that a run that goes on from there shows no step
 * twice, whoever reads the files. Of a damaged file what comes before the damage is kept. What is no event file of this
 * program stays as it is.
 *
 * @throws CheckpointError if one cannot be read or written
 */
export function cutEvents(folder: string, last: number): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder).filter((each) => EVENTS.test(each))) {
    const path = join(folder, name);
    const bytes = reading(path, () => readRegularBytes(path, MOST_BYTES));
    const found = [...readRecords(bytes)];
    if (found.length === 0) continue; // not of this program, or torn at once
    const kept = found.filter((data) => belongs(data, last)).map(record);
    if (kept.reduce((sum, { length }) => sum + length, 0) === bytes.length) continue;
    changing(`${path}: cannot be written`, () => replaceFile(path, kept));
  }
}

const EVENTS = /^events\.out\.tfevents\.\d+\.[^/]*$/;

function belongs(data: Buffer, last: number): boolean {
  try {
    const { step = 0, summary } = decodeEvent(data);
    return !summary || step <= last;
  } catch {
    return true; // of another program
  }
}
