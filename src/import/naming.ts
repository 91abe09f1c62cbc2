import type { WeightFile } from './weight-file.js';

/**
 * How other programs name layers. A naming lists the layers of a file in the order in which a network runs them,
 * branch after branch: the order of a config's own layers. What is not in the list is not used.
 */
export interface Naming {
  readonly name: string;
  /** Null if the file is not named in this way. */
  layers(source: WeightFile): string[] | null;
}

const has = ({ tensors }: WeightFile, layer: string): boolean => tensors.has(`${layer}.weight`);

/** Names of layers with weights, in the file's order. */
export function layersOf({ tensors }: WeightFile): string[] {
  return [...tensors.keys()].flatMap((name) =>
    name.endsWith('.weight') ? [name.slice(0, -'.weight'.length)] : [],
  );
}

/** `features.0`, `features.3`, …; then torchvision's `classifier.0` or timm's `pre_logits.fc1`. */
const vgg: Naming = {
  name: 'VGG of torchvision or timm',
  layers(source) {
    if (source.format !== 'safetensors' || !has(source, 'features.0')) return null;
    const numbered = (prefix: string): string[] =>
      layersOf(source)
        .filter((layer) => layer.startsWith(`${prefix}.`))
        .sort((a, b) => Number(a.slice(prefix.length + 1)) - Number(b.slice(prefix.length + 1)));
    const timm = ['pre_logits.fc1', 'pre_logits.fc2', 'head.fc'].filter((layer) =>
      has(source, layer),
    );
    return [...numbered('features'), ...numbered('classifier'), ...timm];
  },
};

/** `conv1`, `bn1`, `layer1.0.conv1`, …, `layer1.0.downsample.0`, `fc`: the same in torchvision and timm. */
const resnet: Naming = {
  name: 'ResNet of torchvision or timm',
  layers(source) {
    if (source.format !== 'safetensors' || !has(source, 'layer1.0.conv1')) return null;
    const blocks = layersOf(source)
      .flatMap((layer) => /^layer(\d+)\.(\d+)\.conv1$/.exec(layer) ?? [])
      .filter((part) => part.endsWith('.conv1'))
      .map((layer) => layer.slice(0, -'.conv1'.length))
      .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
    const parts = ['conv1', 'bn1', 'conv2', 'bn2', 'conv3', 'bn3', 'downsample.0', 'downsample.1'];
    const inside = blocks.flatMap((block) => parts.map((part) => `${block}.${part}`));
    return ['conv1', 'bn1', ...inside, 'fc'].filter((layer) => has(source, layer));
  },
};

const steps = (branch: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${branch}_${i + 1}`);
const MIXED_5 = ['branch1x1', ...steps('branch5x5', 2), ...steps('branch3x3dbl', 3), 'branch_pool'];
const MIXED_6 = ['branch1x1', ...steps('branch7x7', 3), ...steps('branch7x7dbl', 5), 'branch_pool'];
const MIXED_7 = [
  'branch1x1',
  ...['branch3x3_1', 'branch3x3_2a', 'branch3x3_2b'],
  ...['branch3x3dbl_1', 'branch3x3dbl_2', 'branch3x3dbl_3a', 'branch3x3dbl_3b'],
  'branch_pool',
];
const INCEPTION: Readonly<Record<string, readonly string[]>> = {
  Mixed_5b: MIXED_5,
  Mixed_5c: MIXED_5,
  Mixed_5d: MIXED_5,
  Mixed_6a: ['branch3x3', ...steps('branch3x3dbl', 3)],
  Mixed_6b: MIXED_6,
  Mixed_6c: MIXED_6,
  Mixed_6d: MIXED_6,
  Mixed_6e: MIXED_6,
  Mixed_7a: [...steps('branch3x3', 2), ...steps('branch7x7x3', 4)],
  Mixed_7b: MIXED_7,
  Mixed_7c: MIXED_7,
};

/** `Conv2d_1a_3x3.conv`, `Conv2d_1a_3x3.bn`, …, `Mixed_5b.branch1x1.conv`, …, `fc`. */
const inception: Naming = {
  name: 'Inception-v3 of torchvision or timm',
  layers(source) {
    if (!has(source, 'Mixed_5b.branch1x1.conv')) return null;
    const convolutions = [
      ...['Conv2d_1a_3x3', 'Conv2d_2a_3x3', 'Conv2d_2b_3x3', 'Conv2d_3b_1x1', 'Conv2d_4a_3x3'],
      ...Object.entries(INCEPTION).flatMap(([block, parts]) =>
        parts.map((part) => `${block}.${part}`),
      ),
    ];
    return [...convolutions.flatMap((each) => [`${each}.conv`, `${each}.bn`]), 'fc'];
  },
};

/** The authors' released model B: `conv1`, `inception_3a/1x1` …, `fc6` to `fc8`. */
const modelB: Naming = {
  name: "the authors' model B",
  layers(source) {
    if (source.format !== 'caffemodel' || !has(source, 'inception_3a/double3x3a')) return null;
    const parts = ['1x1', '3x3', 'double3x3a', 'double3x3b'];
    const blocks = ['3', '4', '5'].flatMap((stage) => ['a', 'b', 'c', 'd'].map((n) => stage + n));
    const inside = blocks.flatMap((block) => parts.map((part) => `inception_${block}/${part}`));
    return ['conv1', ...inside, 'fc6', 'fc7', 'fc8'];
  },
};

/** Any other network of Caffe: its layers come in the order of its definition, auxiliary classifiers aside. */
const caffe: Naming = {
  name: "Caffe, in the file's order",
  layers(source) {
    if (source.format !== 'caffemodel') return null;
    return layersOf(source).filter((layer) => !/^(loss\d|aux)/i.test(layer));
  },
};

export const NAMINGS: readonly Naming[] = [vgg, resnet, inception, modelB, caffe];
