import { isAbsolute } from 'node:path';
import { stringify } from 'yaml';
import { isVisible, visible, visibleJson } from '../visible.js';
import type { Choices } from './choices.js';
import type { Layout } from './layout.js';
import { NETWORKS } from './ready-networks.js';
import { VAL_SHARE } from './split.js';
import { quantile, type Survey } from './survey.js';

export interface ConfigFacts {
  /** Path of the config, for the commands in it. */
  file: string;
  name: string;
  /** Those without images included: the network has an output for each. */
  classes: number;
  layout: Layout & { val: string };
  /** The lists were drawn from one folder. */
  wasSplit: boolean;
  survey: Survey;
  choices: Choices;
  /** As the file's first line names it; null: it does not. */
  schema: string | null;
}

/** A config for a data set, with a comment at everything that was chosen. */
export function configText(facts: ConfigFacts): string {
  const { name, choices } = facts;
  const file = visible(facts.file); // in comments
  const schema = facts.schema && visible(facts.schema);
  const { resize, crop, batchSize, epochs, lr, warmup, every } = choices;
  const modeline = schema === null ? '' : `# yaml-language-server: $schema=${schema}\n`;
  return `${modeline}# ${description(facts)}
# Written by "relaybp init"; every number is a starting point. All keys: relaybp schema --markdown
#
#   relaybp plan ${file} # what will be trained by which loss
#   relaybp train ${file} --fast-dev-run # three steps: does everything work?
#   relaybp train ${file}
version: 1
name: ${name}
seed: 1

data:
${dataLines(facts)}
  resize: ${resize} # shorter side in pixels; ${sizes(facts)}
  crop: ${crop} # a random part in training, the centre in evaluation; must be model.input
  mean: pixel # subtract the mean image of the training set
  std: channel # divide by the deviation of each channel
  augment:
    flip: true # switch off where left and right matter: text, signs
    color: pca # shifts of colour as in AlexNet; none where exact colours matter
    resizedCrop: {scale: [0.3, 1]} # random size and aspect ratio; leave out where scale matters

${modelLines(choices)}

${lossLines(choices)}

optimizer: {type: sgd, lr: ${lr}, momentum: 0.9, weightDecay: 0.001} # lower lr if the loss explodes
schedule: {type: cosine, warmup: ${warmup}}
training:
  epochs: ${epochs} # more helps as long as the validation error falls
  batchSize: ${batchSize} # lr goes in proportion to it
checkpoint: {every: ${epochText(every)}, keep: 2}
evaluation: {every: ${epochText(every)}}
`;
}

const epochText = (epochs: number): string => `${epochs} ${epochs === 1 ? 'epoch' : 'epochs'}`;
const grouped = (value: number): string => value.toLocaleString('en-US');
/** A text as YAML writes it in one line, quoted where needed. */
const scalar = (text: string): string =>
  isVisible(text) ? stringify(text, { lineWidth: 0 }).trim() : visibleJson(text);

/** `8 classes, 530 training images: 160 ("coast") to 16 ("street") a class.` */
function description(facts: ConfigFacts): string {
  const { classes, images } = facts.survey;
  const [largest, smallest] = [classes[0]!, classes.at(-1)!];
  const range = `${grouped(largest.images)} (${visibleJson(largest.name)}) to ${grouped(smallest.images)} (${visibleJson(smallest.name)})`;
  return `${facts.classes} classes, ${grouped(images)} training images: ${range} a class.`;
}

function dataLines({ layout, wasSplit, classes, survey }: ConfigFacts): string {
  const ratio = survey.classes[0]!.images / survey.classes.at(-1)!.images;
  const imbalance =
    ratio < 1.5
      ? 'each class in turn'
      : `each class in turn; the largest has ${ratio.toFixed(1)} x the smallest`;
  const percent = 100 * VAL_SHARE;
  const root = layout.root.startsWith('~') ? `./${layout.root}` : layout.root; // a folder of that name
  return [
    `  root: ${scalar(root)}${isAbsolute(layout.root) ? '' : ' # relative to where you are'}`,
    ...(wasSplit
      ? [
          `  # Lists of "path<tab>class" lines: ${percent} % of each class were drawn for validation.`,
        ]
      : []),
    `  train: ${scalar(layout.train)}`,
    `  val: ${scalar(layout.val)}`,
    ...rootsLine(layout),
    ...classNamesLine(layout),
    ...classFoldersLine(layout),
    `  classes: ${classes}`,
    `  sampler: class-aware # ${imbalance}`,
  ].join('\n');
}

function rootsLine({ roots }: Layout): string[] {
  if (roots === undefined) return [];
  const inBraces = (text: string): string => (/^[\w./-]+$/.test(text) ? text : visibleJson(text));
  const parts = Object.entries(roots).map(([part, folder]) => `${part}: ${inBraces(folder)}`);
  return [`  roots: {${parts.join(', ')}} # what the paths of each list are relative to`];
}

const classNamesLine = ({ classNames }: Layout): string[] =>
  classNames === undefined ? [] : [`  classNames: ${scalar(classNames)} # what the labels mean`];

function classFoldersLine({ classFolders }: Layout): string[] {
  if (classFolders === undefined) return [];
  const rule = {
    leaves: 'the folders that hold the images are the classes; top: those directly in a part are',
    top: 'the folders directly in a part are the classes; leaves: those that hold the images are',
  }[classFolders];
  return [`  classFolders: ${classFolders} # ${rule}`];
}

function sizes({ survey: { shorterSides } }: ConfigFacts): string {
  const [low, high] = [quantile(shorterSides, 0.1), quantile(shorterSides, 0.9)];
  return `of most images it is ${low === high ? low : `${low} to ${high}`}`;
}

function modelLines({ crop }: Choices): string {
  return [
    '# The trunk, cut into segments from the image up. The comments give the size of the map that comes out.',
    'model:',
    `  input: [${crop}, ${crop}, 3]`,
    '  defaults: {conv: {batchNorm: true}}',
    '  segments:',
    ...NETWORKS[crop].flatMap(({ name, map, layers }) => [
      `    - name: ${name} # ${map}x${map}`,
      '      layers:',
      ...layers.map((layer) => `        - ${layer}`),
    ]),
  ].join('\n');
}

/** By the paper's rules of thumb (§2): one auxiliary loss, not too low, weight 0.3, its segment is the overlap. */
function lossLines({ crop }: Choices): string {
  const names = NETWORKS[crop].map(({ name }) => name);
  const [top, relay, bottom] = [names.at(-1)!, names.at(-2)!, names[0]!];
  const width = Math.max(...names.map((name) => name.length)) + 2;
  const cells = (from: number, to: number, mark: string): string =>
    names.map((_, i) => (i >= from && i <= to ? mark : ' ').repeat(width)).join('');
  return `# Relay backpropagation: each loss trains the segments in its range, and both train ${relay}, the relay.
#
#              ${names.join('  ')}
#   primary    ${cells(names.length - 2, names.length - 1, '=')}  the classifier that is kept
#   auxiliary  ${cells(0, names.length - 2, '=')}  in training only
#
# The rules of thumb: one auxiliary loss is enough unless the network is very deep; not too low, where the patterns do
# not tell classes apart yet. For standard backpropagation drop the auxiliary loss and the primary one's range.
losses:
  - name: primary
    after: ${top}
    range: {downTo: ${relay}}
    head:
      - avgpool: {size: global}
      - dropout: 0.4
      - fc: {units: classes}
  - name: auxiliary
    after: ${relay}
    weight: 0.3 # the paper's
    range: {downTo: ${bottom}}
    head:
      - conv: {filters: 96, kernel: 1}
      - avgpool: {size: global}
      - dropout: 0.3
      - fc: {units: classes}`;
}
