/** Every config in configs/: that it plans, says what it is, and has the sizes and ranges that it claims. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { ExperimentConfig } from '../../src/config/experiment-schema.js';
import { loadConfig } from '../../src/config/load.js';
import { type ExperimentPlan, planExperiment } from '../../src/experiment/experiment-plan.js';
import { parametersOf, trunkOf } from '../../src/model/network-plan.js';
import { totals } from '../../src/plan/cost.js';
import { inRange } from '../../src/relay/ranges.js';
import { CONFIGS, configFile, resolved } from './narrow.js';

const plans = new Map<string, ExperimentPlan>();

/** Planned once. */
function planOf(name: string): ExperimentPlan {
  const plan = plans.get(name) ?? planExperiment(loadConfig(configFile(name)));
  plans.set(name, plan);
  return plan;
}

/** The comment that a file opens with, in one line. */
function opening(name: string): string {
  const lines = readFileSync(configFile(name), 'utf8').split('\n');
  const end = lines.findIndex((line) => !line.startsWith('#'));
  return lines
    .slice(0, end)
    .map((line) => line.slice(1).trim())
    .join(' ');
}

/** Segment by segment the losses that train something in it. */
function trainedBy(name: string): Record<string, string[]> {
  const { trunk, losses } = planOf(name);
  const segments = [...new Set(trunk.map(({ segment }) => segment))];
  return Object.fromEntries(
    segments.map((segment) => [
      segment,
      losses
        .filter((loss) =>
          trunk.some(
            (layer, i) => layer.segment === segment && layer.trainable && inRange(loss, i),
          ),
        )
        .map((loss) => loss.name),
    ]),
  );
}

/** The segments that more than one loss trains: the relay. */
function overlap(name: string): string[] {
  return Object.entries(trainedBy(name))
    .filter(([, losses]) => losses.length > 1)
    .map(([segment]) => segment);
}

const modelVariants = (model: string): string[] =>
  CONFIGS.filter((name) => name.startsWith(`places2-${model}`) && !IMPORTED.includes(name));

/** Networks for weights of others: they are imported, not trained. */
const IMPORTED = ['imagenet-resnet50-pretrained', 'places2-modelB-released'];

function commandOf(name: string): string {
  if (name === 'demo-emoji') return 'npm run demo';
  if (IMPORTED.includes(name)) return `--config configs/${name}.yaml`;
  return `relaybp ${name.startsWith('bench-') ? 'bench' : 'train'} configs/${name}.yaml`;
}

describe.each(CONFIGS)('%s', (name) => {
  test('plans', () => {
    const { network, losses } = planOf(name);
    expect(network.segments.length).toBeGreaterThan(1);
    for (const loss of losses) expect(loss.reach).not.toBeNull();
  });

  test('opens with purpose, command, data, and the figure to expect', () => {
    const text = opening(name);
    const [purpose] = text.split(/(?:[A-Z0-9_]+=\S+ )?(?:relaybp|Command|npm run)/);
    expect(purpose!.trim().length, 'purpose').toBeGreaterThan(20);
    expect(`${text} `).toContain(`${commandOf(name)} `);
    expect(text).not.toContain('@@');
    expect(text).toMatch(/\bData\b/);
    expect(text).toMatch(/Expected|not available|error: [\d.]+\/[\d.]+ %/);
  });
});

test('the names of the experiments are unique', () => {
  const names = CONFIGS.map((name) => planOf(name).config.name);
  expect(new Set(names).size).toBe(names.length);
});

describe('parameters, without auxiliary heads', () => {
  test.each([
    // The size of the authors' released model: 685,008,452 bytes of float32.
    ...modelVariants('modelB').map((name) => [name, 171_252_113] as const),
    ['places2-modelB-released', 171_252_113],
    // torchvision's models of the same names.
    ['imagenet-vgg13', 133_047_848],
    ['imagenet-vgg16', 138_357_544],
    ['imagenet-vgg19', 143_667_240],
    ['imagenet-vgg19-three-losses', 143_667_240],
    ['imagenet-vgg19-local', 143_667_240],
    ['imagenet-resnet50', 25_557_032],
    ['imagenet-resnet50-relay', 25_557_032],
    ['imagenet-resnet50-pretrained', 25_557_032],
    // 27,161,264 with torchvision's auxiliary head; see below.
    ['imagenet-inception-v3', 23_834_568],
    ['imagenet-inception-v3-relay', 23_834_568],
  ] as const)('%s: %d', (name, parameters) => {
    expect(totals(planOf(name)).parameters).toBe(parameters);
  });

  test("Inception-v3's own auxiliary head makes up the rest of torchvision's 27,161,264", () => {
    expect(totals(planOf('imagenet-inception-v3')).auxiliaryParameters).toBe(
      27_161_264 - 23_834_568,
    );
  });

  test('model B has ten variants', () => {
    expect(modelVariants('modelB')).toHaveLength(10);
  });

  test('every variant of model A has as many as the others', () => {
    const counts = modelVariants('modelA').map((name) => totals(planOf(name)).parameters);
    expect(counts).toHaveLength(10);
    expect(new Set(counts).size).toBe(1);
  });
});

describe('multiply-adds of an image at test time, in 10^9', () => {
  test.each([
    // name, published, tolerance in 10^9: half a unit of the last digit given, and what else the source counts
    ['imagenet-vgg13', 11.31, 0.005 + 0.015], // torchvision: 11.31 "GFLOPS", its multiply-adds with biases
    ['imagenet-vgg16', 15.47, 0.005 + 0.015], // torchvision
    ['imagenet-vgg19', 19.63, 0.005 + 0.015], // torchvision; "19.6 billion FLOPs" in ResNet's paper
    ['imagenet-resnet50-pretrained', 4.09, 0.005 + 0.015], // torchvision, with the stride in the 3x3 convolutions
    ['imagenet-resnet50', 3.86, 0.005], // Caffe's analysis of ResNet's own model; "3.8 billion" in its paper
    ['imagenet-inception-v3', 5.71, 0.005 + 0.01], // torchvision; "5 billion multiply-adds" in its own paper
  ])('%s: %d, within %d', (name, published, tolerance) => {
    const billions = totals(planOf(name)).multiplyAdds / 1e9;
    expect(Math.abs(billions - published)).toBeLessThanOrEqual(tolerance);
  });
});

describe('ranges', () => {
  test.each([
    ['places2-modelA', ['seg4']],
    ['places2-modelA-relay-shuffled', ['seg4']],
    ['places2-modelA-relay-weight1', ['seg4']],
    ['places2-modelB', ['seg4']],
    ['places2-modelB-relay-shuffled', ['seg4']],
    ['places2-modelB-relay-weight1', ['seg4']],
    ['imagenet-resnet50-relay', ['conv4']],
    ['imagenet-inception-v3-relay', ['overlap']],
    ['imagenet-vgg19-three-losses', ['seg3', 'seg4']],
    ['demo-emoji', ['seg2']],
  ])('%s overlaps in %j', (name, segments) => {
    expect(overlap(name)).toEqual(segments);
  });

  test.each(CONFIGS.filter((name) => name.includes('relay')))(
    '%s: one segment is the relay',
    (name) => {
      expect(overlap(name)).toHaveLength(1);
    },
  );

  test('model A: the primary loss trains segments 5 and 4, the auxiliary one 4 to 1', () => {
    expect(trainedBy('places2-modelA')).toEqual({
      seg1: ['auxiliary'],
      seg2: ['auxiliary'],
      seg3: ['auxiliary'],
      seg4: ['primary', 'auxiliary'],
      seg5: ['primary'],
    });
  });

  test("the overlap of ResNet-50 is res4a to res4d, Inception-v3's is Mixed_6b to Mixed_6e", () => {
    const layers = (name: string) => {
      const { losses, trunk } = planOf(name);
      return trunk
        .filter((layer, i) => layer.trainable && losses.every((loss) => inRange(loss, i)))
        .map((layer) => layer.name);
    };
    expect(layers('imagenet-resnet50-relay')).toEqual(['res4_1', 'res4_2', 'res4_3', 'res4_4']);
    expect(layers('imagenet-inception-v3-relay')).toEqual([
      'Mixed_6b',
      'Mixed_6c',
      'Mixed_6d',
      'Mixed_6e',
    ]);
  });

  test('a block has the number of its segment, as in the paper', () => {
    for (const name of ['places2-modelB', 'imagenet-resnet50', 'imagenet-resnet50-pretrained']) {
      for (const segment of planOf(name).network.segments) {
        const [, number] = /(\d)/.exec(segment.name)!;
        for (const { name: layer } of segment.layers) {
          expect(/\d/.exec(layer)![0], `${name}: ${layer} in ${segment.name}`).toBe(number);
        }
      }
    }
    const blocks = trunkOf(planOf('imagenet-resnet50').network).map(({ name }) => name);
    expect(blocks.filter((name) => /^res[45]/.test(name)).join(' ')).toBe(
      'res4_1 res4_2 res4_3 res4_4 res4_5 res4_6 res5_1 res5_2 res5_3',
    );
  });

  test.each([
    ['places2-modelB', /^branch2_1\.p1\.conv1\.weight$/, /^branch4_4\.p3\.conv2\.bias$/],
    ['imagenet-resnet50-relay', /^res6_1\.body\.conv1\.weight$/, /^res6_3\.body\.conv3_bn\./],
  ])(
    '%s of version 0.1: the config in its checkpoints has its parameters under their old names',
    (name, ...old) => {
      const file = new URL(`../fixtures/older/${name}.yaml`, import.meta.url);
      const older = planExperiment(loadConfig(fileURLToPath(file)));
      const parametersIn = (plan: ExperimentPlan) => parametersOf([...plan.layers.values()]);
      const [then, now] = [parametersIn(older), parametersIn(planOf(name))];
      expect(then.map(({ shape }) => shape)).toEqual(now.map(({ shape }) => shape));
      for (const pattern of old) {
        expect(then.some((parameter) => pattern.test(parameter.name))).toBe(true);
        expect(now.some((parameter) => pattern.test(parameter.name))).toBe(false);
      }
      // No name of then is given to other weights of the same shape now: nothing is loaded into the wrong place.
      const shapes = new Map(now.map((parameter, i) => [parameter.name, { parameter, i }]));
      then.forEach((parameter, i) => {
        const here = shapes.get(parameter.name);
        if (here?.parameter.shape.join() === parameter.shape.join()) expect(here.i).toBe(i);
      });
    },
  );

  test("three losses: the paper's Figure 2", () => {
    expect(trainedBy('imagenet-vgg19-three-losses')).toEqual({
      seg1: ['auxiliary1'],
      seg2: ['auxiliary1'],
      seg3: ['auxiliary1', 'auxiliary2'],
      seg4: ['primary', 'auxiliary2'],
      seg5: ['primary'],
    });
  });

  test('local: no two losses meet, and each segment has one', () => {
    const losses = Object.values(trainedBy('imagenet-vgg19-local'));
    expect(losses.map(({ length }) => length)).toEqual([1, 1, 1, 1, 1]);
    expect(new Set(losses.flat()).size).toBe(3);
  });

  test.each(CONFIGS.filter((name) => name.includes('multiloss')))(
    '%s: every loss reaches the bottom',
    (name) => {
      const { losses } = planOf(name);
      expect(losses.map(({ bottom }) => bottom)).toEqual([0, 0]);
    },
  );

  test('Inception-v3 itself: so do its two losses', () => {
    expect(planOf('imagenet-inception-v3').losses.map(({ bottom }) => bottom)).toEqual([0, 0]);
  });

  const standard = CONFIGS.filter(
    (name) => /-bp\b|(places2|imagenet)-vgg\d\d$/.test(name) || name === 'imagenet-resnet50',
  );
  test.each(standard)('%s is standard backpropagation and costs as much', (name) => {
    const { losses } = planOf(name);
    expect(losses).toHaveLength(1);
    expect(losses[0]).toMatchObject({ bottom: 0, weight: 1 });
    expect(totals(planOf(name)).relativeToStandardBp).toBe(1);
  });

  const paper = CONFIGS.filter((name) => /^(places2|imagenet)-/.test(name));
  test.each(paper)('%s: auxiliary losses weigh 0.3, in controls 1', (name) => {
    const plan = planOf(name);
    const auxiliary = plan.losses.filter((loss) => loss !== plan.primary);
    const weight = /weight1|local/.test(name) ? 1 : 0.3;
    for (const loss of auxiliary) expect(loss.weight).toBe(weight);
    expect(plan.primary.weight).toBe(1);
  });
});

describe('what a variant changes', () => {
  const base = (name: string, ending: string): string => {
    const without = name.slice(0, -ending.length);
    return CONFIGS.includes(without) ? without : without.replace(/-relay$/, '');
  };
  const ending = (text: string): string[] => CONFIGS.filter((name) => name.endsWith(text));
  const anonymous = ({ name: _, ...config }: ExperimentConfig) => config;

  test.each(ending('-shuffled'))('%s: the sampler, and nothing else', (name) => {
    const [variant, original] = [resolved(name), resolved(base(name, '-shuffled'))];
    expect([variant.data.sampler, original.data.sampler]).toEqual(['shuffle', 'class-aware']);
    expect(anonymous(variant)).toEqual(
      anonymous({ ...original, data: { ...original.data, sampler: 'shuffle' } }),
    );
  });

  test.each(ending('-weight1'))('%s: the auxiliary weight, and nothing else', (name) => {
    const [variant, original] = [resolved(name), resolved(base(name, '-weight1'))];
    const losses = original.losses.map((loss) =>
      loss.name === 'auxiliary' ? { ...loss, weight: 1 } : loss,
    );
    expect(original.losses.find((loss) => loss.name === 'auxiliary')!.weight).toBe(0.3);
    expect(anonymous(variant)).toEqual(anonymous({ ...original, losses }));
  });

  test.each([
    ['places2-modelA', 'places2-modelA-bp', 'places2-modelA-multiloss'],
    ['places2-modelB', 'places2-modelB-bp', 'places2-modelB-multiloss'],
    ['scenes-tiny-relay', 'scenes-tiny-bp', 'scenes-tiny-multiloss'],
  ])('%s, %s and %s: the losses, and nothing else', (...names) => {
    const [relay, bp, multi] = names.map(resolved) as [
      ExperimentConfig,
      ExperimentConfig,
      ExperimentConfig,
    ];
    const full = relay.losses.map(({ range: _, ...loss }) => loss);
    const primary = full.filter((loss) => loss.name === 'primary');
    expect(anonymous(bp)).toEqual(anonymous({ ...relay, losses: primary }));
    expect(anonymous(multi)).toEqual(anonymous({ ...relay, losses: full }));
  });
});
