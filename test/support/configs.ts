import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A small but complete relay config; tests change parts of it. */
export const SMALL_CONFIG = `version: 1
name: small
data: {root: data/small, classes: 3, resize: 18, crop: 16, mean: channel, std: channel}
model:
  input: [16, 16, 3]
  segments:
    - name: seg1
      layers:
        - conv: {filters: 4, kernel: 3}
        - maxpool: {size: 2}
    - name: seg2
      layers:
        - conv: {filters: 6, kernel: 3}
        - maxpool: {size: 2}
    - name: seg3
      layers:
        - conv: {filters: 8, kernel: 3}
losses:
  - name: primary
    after: seg3
    range: {downTo: seg2}
    head:
      - avgpool: {size: global}
      - fc: {units: classes}
  - name: auxiliary
    after: seg2
    weight: 0.3
    head:
      - fc: {units: classes, dropout: 0}
optimizer: {lr: 0.02, weightDecay: 0.0005}
training: {epochs: 2, batchSize: 8, microBatch: 4}
`;

/** A study of it, in `my.yaml`: two methods, one learning rate of two, two seeds. */
export const SMALL_STUDY = `version: 1
name: my-study
base: my.yaml
axes:
  - name: method
    variants:
      - name: bp
        label: standard BP
        set: {losses.primary.range: null, losses: [{name: auxiliary, remove: true}]}
      - {name: relay, label: relay BP}
tune: {values: {optimizer.lr: [0.01, 0.02]}, seeds: [100]}
seeds: [1, 2]
table: {baseline: {method: bp}}
`;

/** A fresh temporary folder with the given files. @returns the folder */
export function folderWith(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'relaybp-test-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}
