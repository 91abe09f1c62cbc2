/** Networks to export: every kind of layer with every kind of padding, and the paper's families, narrow. */
import { parseConfig } from '../../src/config/load.js';
import { type ExperimentPlan, planExperiment } from '../../src/experiment/experiment-plan.js';
import type { ExportModel } from '../../src/export/exported-model.js';
import { chainOf } from '../../src/model/dense-form.js';
import { parametersOf } from '../../src/model/network-plan.js';
import { Random } from '../../src/random.js';
import { narrowPlan } from '../configs/narrow.js';
import { randomWeights } from '../relay/harness.js';

const EVERY_LAYER = `version: 1
name: every-layer
data: {root: unused, classes: 5, resize: 44, crop: 41}
model:
  input: [41, 41, 3]
  segments:
    - name: seg1
      layers:
        - conv: {name: pixels, filters: 6, kernel: 3, padding: [0, 1, 2, 1]}
        - lrn: {size: 3, alpha: 0.5, beta: 0.6, k: 2}
        - conv: {filters: 6, kernel: [1, 3], stride: [2, 1], bias: true, batchNorm: {epsilon: 0.01}}
        - conv: {filters: 8, kernel: 5, stride: 2, padding: tf-same, batchNorm: true}
        - maxpool: {size: 3, stride: 2, padding: 1, rounding: ceil}
        - relu: {}
    - name: seg2
      layers:
        - branches:
            paths:
              - - conv: {filters: 3, kernel: 1, relu: false}
                - avgpool: {size: 3, stride: 1, padding: 1}
              - - avgpool: {size: 3, stride: 1, padding: 1, countPadding: false}
              - - avgpool: {size: 3, stride: 1, padding: tf-same}
              - - conv: {filters: 4, kernel: 1}
                - branches: {paths: [[conv: {filters: 3, kernel: [1, 3]}], [conv: {filters: 2, kernel: [3, 1], batchNorm: true}]]}
        - batchnorm: {relu: true}
        - residual:
            layers: [conv: {filters: 6, kernel: 3, batchNorm: true}, conv: {name: logits, filters: 24, kernel: 1, relu: false}]
        - residual:
            relu: false
            layers: [conv: {filters: 9, kernel: 1, relu: false, bias: false}]
            shortcut: [conv: {filters: 9, kernel: 1, relu: false, batchNorm: true}]
        - avgpool: {size: [2, 3], stride: [1, 2], padding: [1, 0, 1, 1], rounding: ceil}
        - dropout: 0.5
losses:
  - name: primary
    after: seg2
    head:
      - branches:
          paths:
            - - spp: [3, 2, 1]
              - batchnorm: {}
            - - maxpool: {size: 2, stride: 1}
              - fc: {units: 7, relu: true, dropout: 0.5}
            - - avgpool: {size: global}
              - fc: {units: 4, bias: false}
      - fc: {units: 16, relu: true}
      - batchnorm: {relu: true}
      - fc: {units: classes, bias: false}
  - name: auxiliary
    after: seg1
    head: [avgpool: {size: global}, fc: {units: classes}]
optimizer: {lr: 0.01}
training: {steps: 1, batchSize: 4}
`;

const family = (config: string, size: number): ExperimentPlan =>
  narrowPlan(config, { filters: 16, units: 128, size, classes: 5, images: 4 });

export const NETWORKS: Record<string, () => ExperimentPlan> = {
  'every layer': () => planExperiment(parseConfig(EVERY_LAYER, 'every layer')),
  'VGG-16': () => family('imagenet-vgg16', 64),
  'model A, SPP of 7x7 maps': () => family('places2-modelA', 112),
  'model A, SPP with overlapping bins': () => family('places2-modelA', 144),
  'model B, SPP with ceil rounding': () => family('places2-modelB', 224),
  'ResNet-50': () => family('imagenet-resnet50-relay', 96),
  'Inception-v3': () => family('imagenet-inception-v3-relay', 299),
};

/** A model with weights and running statistics that are all different from what they start as. */
export function modelOf(plan: ExperimentPlan, { meanImage }: { meanImage: boolean }): ExportModel {
  const { config, network, primary } = plan;
  const chain = chainOf(network, primary.name);
  const needed = new Set(parametersOf(chain).map(({ name }) => name));
  const { crop, resize } = config.data;
  const random = new Random(7, 'mean');
  const values = Float32Array.from({ length: crop * crop * 3 }, () => 100 + 20 * random.next());
  return {
    name: config.name,
    chain,
    weights: new Map([...randomWeights(plan)].filter(([name]) => needed.has(name))),
    preprocessing: {
      resize,
      crop,
      mean: meanImage
        ? { kind: 'pixel', values }
        : { kind: 'channel', values: [123.5, 117.25, 104] },
      std: [58, 57, 55],
    },
    classes: ['bay', 'cliff', 'dune', 'forest', 'glacier'],
    checkpoint: 'runs/a/checkpoints/step-1',
    step: 1,
    ema: false,
    graph: {
      size: [crop, crop],
      anySize: false,
      batch: null,
      foldBatchNorm: true,
      weights: 'float32',
    },
  };
}
