/**
 * What the all-reduce of a step costs for so many machines, by what relaybp sends: the tables of docs/distributed.md.
 * Nothing is measured here.
 *
 *   node scripts/scaling-on-paper.js [--bandwidth GB/s --message MICROSECONDS]
 *
 * With n ranks and B bytes of gradients each rank sends and receives 2 (n - 1) / n B, in buckets of 4 MiB, of each of which
 * it sends 2 (n - 1) messages: t = 2 (n - 1) / n B / bandwidth + 2 (n - 1) ceil(B / 4 MiB) message.
 */
import { parseArgs } from 'node:util';
import { loadConfig } from '../dist/config/load.js';
import { planExperiment } from '../dist/experiment/experiment-plan.js';
import { parametersOf } from '../dist/model/network-plan.js';

const { values } = parseArgs({
  options: { bandwidth: { type: 'string' }, message: { type: 'string' } },
});
const RANKS = [2, 4, 16, 64, 256];
const BUCKET = 4 * 2 ** 20;
/** What a network of that rate carries, in GB/s, and what a message costs beyond its bytes, in microseconds. */
const NETWORKS =
  values.bandwidth === undefined
    ? [
        { name: '1 Gbit/s', bandwidth: 0.117, message: 30 },
        { name: '10 Gbit/s', bandwidth: 1.1, message: 20 },
        { name: '100 Gbit/s', bandwidth: 11, message: 2 },
      ]
    : [
        {
          name: `${values.bandwidth} GB/s`,
          bandwidth: Number(values.bandwidth),
          message: Number(values.message ?? 20),
        },
      ];
const MODELS = [
  ['model A', 'places2-modelA'],
  ['model B', 'places2-modelB'],
  ['ResNet-50', 'imagenet-resnet50'],
];

const seconds = (value) => Number(value.toPrecision(2)).toString();
console.log(`| gradients | network | ${RANKS.join(' | ')} |`);
console.log(`|---|---|${RANKS.map(() => '---').join('|')}|`);
for (const [model, config] of MODELS) {
  const file = new URL(`../configs/${config}.yaml`, import.meta.url).pathname;
  const plan = planExperiment(loadConfig(file));
  const trained = parametersOf([...plan.layers.values()]).filter(({ state }) => !state);
  const count = trained.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const bytes = 4 * count;
  for (const { name, bandwidth, message } of NETWORKS) {
    const costs = RANKS.map((n) => {
      const sent = ((2 * (n - 1)) / n) * bytes;
      const messages = 2 * (n - 1) * Math.ceil(bytes / BUCKET);
      return seconds(sent / (bandwidth * 1e9) + messages * message * 1e-6);
    });
    console.log(`| ${model}, ${Math.round(bytes / 1e6)} MB | ${name} | ${costs.join(' | ')} |`);
  }
}
