import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { GradientRow } from '../run/gradient-row.js';
import type { MetricsRow } from '../run/rows.js';
import { cutEvents, EventFile } from './event-file.js';
import { DT_STRING, SESSION_START, type Value } from './event-proto.js';
import type { TrainEvents, TrainFacts } from './events.js';

/**
 * The run's rows as TensorBoard event files (`logging.tensorboard`): `tensorboard/train` and `tensorboard/val`, with
 * equal tags, so that TensorBoard draws training and validation in one chart. docs/report.md lists the tags.
 *
 * Each file begins with a session's mark: a TensorBoard that has read a run before forgets what it has seen of it from
 * the mark's step on. Its reader in Python takes the first mark of all for the beginning of the run, and forgets nothing
 * there: so the first file has one, too.
 */
export class TensorBoard implements Pick<TrainEvents, 'start' | 'metrics' | 'gradients'> {
  private files!: Record<MetricsRow['kind'], EventFile>;

  /**
   * @param resumed the last training step and evaluation that stay valid, of a run that goes on; null for a new run
   * @param config the resolved config, shown as a text
   */
  constructor(
    private readonly resumed: { step: number; evaluated: number } | null,
    private readonly config: string,
  ) {}

  start({ run }: Pick<TrainFacts, 'run'>): void {
    const { resumed, config } = this;
    const folder = join(run, 'tensorboard');
    if (!resumed) rmSync(folder, { recursive: true, force: true });
    const begin = (kind: MetricsRow['kind'], last: number): EventFile => {
      const path = join(folder, kind);
      cutEvents(path, last);
      const file = new EventFile(path);
      file.append({ step: resumed ? last + 1 : 0, sessionLog: { status: SESSION_START } });
      return file;
    };
    this.files = {
      train: begin('train', resumed?.step ?? 0),
      val: begin('val', resumed?.evaluated ?? 0),
    };
    const step = resumed?.step ?? 0;
    this.files.train.append({ step, summary: { value: [text('config', config)] } });
  }

  metrics({ kind, step, ...row }: MetricsRow): void {
    const value = Object.entries(row).flatMap(([column, number]) => {
      const tag = tagOf(column);
      return tag && typeof number === 'number' ? [{ tag, simpleValue: number }] : [];
    });
    this.files[kind].append({ step, summary: { value } });
  }

  gradients({ step, layers }: GradientRow): void {
    const value = layers.flatMap(({ layer, weight, gradient, byLoss, cosines }) => [
      { tag: `gradient/${layer}`, simpleValue: gradient },
      { tag: `gradient_to_weight/${layer}`, simpleValue: gradient / weight },
      ...Object.entries(byLoss).map(([loss, simpleValue]) => {
        return { tag: `gradient_of_${loss}/${layer}`, simpleValue };
      }),
      ...(cosines ?? []).flatMap(({ losses, cosine }) => {
        return cosine === null
          ? []
          : [{ tag: `gradient_cosine_${losses.join('_')}/${layer}`, simpleValue: cosine }];
      }),
    ]);
    this.files.train.append({ step, summary: { value } });
  }
}

/** The tag of a column of metrics.jsonl; TensorBoard groups tags by what comes before the slash. */
function tagOf(column: string): string | undefined {
  const [, of, loss] = /^(loss|weight)\.(.+)$/.exec(column) ?? [];
  if (loss !== undefined) return `${of}/${loss}`;
  const groups: Record<string, string> = {
    top1: 'accuracy',
    top5: 'accuracy',
    top1_ema: 'accuracy',
    top5_ema: 'accuracy',
    top1_err: 'error',
    top5_err: 'error',
    lr: 'schedule',
    epoch: 'schedule',
    imagesPerSecond: 'throughput',
    dataWait: 'throughput',
  };
  return groups[column] && `${groups[column]}/${column}`;
}

function text(tag: string, content: string): Value {
  const indented = content.trimEnd().replace(/^/gm, '    '); // a block of code in TensorBoard's Markdown
  const tensor = {
    dtype: DT_STRING,
    tensorShape: { dim: [{ size: 1 }] },
    stringVal: [Buffer.from(indented)],
  };
  return { tag, tensor, metadata: { pluginData: { pluginName: 'text' } } };
}
