import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { EventFile, maskedCrc, record } from '../../src/train/event-file.js';
import { DT_STRING, type Event, encodeEvent, SESSION_START } from '../../src/train/event-proto.js';

const fixture = fileURLToPath(new URL('../fixtures/events.tfevents', import.meta.url));

/** What scripts/reference-events.py has the tensorboard package write. */
const EVENTS: Event[] = [
  { wallTime: 1700000000.25, fileVersion: 'brain.Event:2' },
  { wallTime: 1700000001.5, step: 4, sessionLog: { status: SESSION_START } },
  {
    wallTime: 1700000002.5,
    step: 4,
    summary: {
      value: [
        {
          tag: 'config',
          metadata: { pluginData: { pluginName: 'text' } },
          tensor: {
            dtype: DT_STRING,
            tensorShape: { dim: [{ size: 1 }] },
            stringVal: [Buffer.from('    name: äöü')],
          },
        },
      ],
    },
  },
  {
    wallTime: 1700000003.125,
    step: 5_000_000_000,
    summary: {
      value: [
        { tag: 'loss/primary', simpleValue: 0.1 },
        { tag: 'error/top1_err', simpleValue: 0 },
      ],
    },
  },
];

test('records and events are byte for byte those of the tensorboard package', () => {
  const written = Buffer.concat(EVENTS.map((event) => record(encodeEvent(event))));
  expect(written.toString('hex')).toBe(readFileSync(fixture).toString('hex'));
});

test('the checksum is CRC-32C, masked', () => {
  // The check value of CRC-32C is 0xe3069283; rotated right by 15 and with the constant added:
  expect(maskedCrc(Buffer.from('123456789'))).toBe(0xc78ab0e5);
});

test('a file that goes on sorts after the ones that are there', () => {
  const folder = mkdtempSync(join(tmpdir(), 'relaybp-events-'));
  const later = Math.floor(Date.now() / 1000) + 100;
  writeFileSync(join(folder, `events.out.tfevents.${later}.host.1`), '');
  new EventFile(folder);
  new EventFile(folder);
  const names = readdirSync(folder).sort();
  expect(names.map((name) => Number(name.split('.')[3]))).toEqual([later, later + 1, later + 2]);
  expect(readFileSync(join(folder, names[1]!)).includes('brain.Event:2')).toBe(true);
});
