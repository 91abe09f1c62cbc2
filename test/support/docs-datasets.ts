/** The imitations that the commands of docs/datasets.md are run with, and its configs, as the document shows them. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './consumer.js';
import {
  imagenet,
  inaturalist,
  kaggle,
  PLACES,
  placesDevkit,
  placesFolders,
  SYNSETS,
  webDataset,
} from './layouts.js';

/** Classes that the imitations have where the originals have more. */
const IMITATED: readonly (readonly [of: number, have: number])[] = [
  [365, PLACES.length],
  [1000, SYNSETS.length],
  [120, 4],
  [8142, 4],
  [10, 4],
];

/** Writes them below the folder that documents' commands are run in. */
export async function docsDatasets(folder: string): Promise<void> {
  await placesDevkit(join(folder, 'places365'));
  await placesFolders(join(folder, 'places'));
  await imagenet(join(folder, 'imagenet'));
  await kaggle(join(folder, 'dogs'));
  await inaturalist(join(folder, 'inaturalist'));
  await webDataset(join(folder, 'wds'));
  cpSync(join(ROOT, 'test/fixtures/parquet/hub'), join(folder, 'hub'), { recursive: true });
  const text = readFileSync(join(ROOT, 'docs/datasets.md'), 'utf8');
  for (const [, name, body] of text.matchAll(/^```yaml\n# (\S+\.yaml)\n(.*?)^```/gms)) {
    const config = IMITATED.reduce(
      (yaml, [of, have]) => yaml.replace(`classes: ${of}\n`, `classes: ${have}\n`),
      body!,
    );
    writeFileSync(join(folder, name!), config);
  }
}
