/** Operations that a device may lack: found out by trying them, and replaced by others that compute the same. */
import { describe, expect, test } from 'vitest';
import { instructionSets } from '../../src/engine/cpu.js';
import { locateNative } from '../../src/engine/locate.js';
import { findAbilities, findBf16Products } from '../../src/engine/native/opening/abilities.js';
import { openNativeEngine } from '../../src/engine/native/opening/open.js';
import * as probes from '../../src/engine/native/opening/probes.js';
import { PLAIN, Trials } from '../../src/engine/native/opening/trials.js';
import { FLOAT } from '../../src/engine/native/runtime/attributes.js';
import { type Binding, DataType, loadBinding } from '../../src/engine/native/runtime/binding.js';
import { elementsFor, type Mode } from '../../src/engine/native/runtime/mode.js';
import { Runtime } from '../../src/engine/native/runtime/runtime.js';
import { changedBinding, type Execute } from './changed-binding.js';
import { expectCloseValues } from './suite/context.js';

const location = locateNative();
const needed = location || process.env.RELAYBP_REQUIRE_NATIVE === '1';

const typeOf = (attributes: Parameters<Execute>[1]) =>
  attributes.find(({ name }) => name === 'T')?.value;

/** As on a device that has no `op` in bfloat16, and if it is an internal one, none at all. */
const without = (binding: Binding, op: string): Binding =>
  changedBinding(binding, (name, attributes, inputs, outputs) => {
    const internal = op.startsWith('_') || op.startsWith('Relaybp');
    if (name === op && (internal || typeOf(attributes) === DataType.bfloat16)) {
      throw new Error('no such kernel here');
    }
    return binding.executeOp(name, attributes, inputs, outputs);
  });

/** Which input matters, where the last one does not. */
const MATTERS = new Map([
  ['_MklNativeMaxPoolGrad', 2],
  ['FusedBatchNormGradV3', 0],
]);

/** As on a device where `op` computes other numbers: those of an input times -1. */
const wrong = (binding: Binding, op: string): Binding =>
  changedBinding(binding, (name, attributes, inputs, outputs) => {
    const type = typeOf(attributes);
    const internal = op.startsWith('_') || op.startsWith('Relaybp');
    if (name !== op || !(internal || type === DataType.bfloat16)) {
      return binding.executeOp(name, attributes, inputs, outputs);
    }
    const T = attributes.filter(({ name }) => name === 'T');
    const at = MATTERS.get(op) ?? inputs.length - 1;
    const [negative] = binding.executeOp('Neg', T.length > 0 ? T : [FLOAT], [inputs[at]!], 1);
    try {
      const others = inputs.map((id, i) => (i === at ? negative!.id : id));
      return binding.executeOp(name, attributes, others, outputs);
    } finally {
      binding.deleteTensor(negative!.id);
    }
  });

describe.runIf(needed)('trials on the native engine', () => {
  const binding = () => loadBinding(location!.binding);

  /** What is found out with `device`, in bf16: the mode, and each trial with a problem. */
  function findOut(device: Binding, products = false) {
    const trials = new Trials(device);
    const elements = elementsFor('bf16', products && findBf16Products(trials, false, true));
    const mode: Mode = { ...elements, ...findAbilities(trials, elements, false) };
    return { mode, problems: trials.done.filter(({ problem }) => problem !== null) };
  }

  const probed = (device: Binding, mode: Mode, probe: probes.Probe): Float32Array[] => {
    const runtime = new Runtime(device, mode);
    try {
      return probe(runtime);
    } finally {
      runtime.close();
    }
  };

  const restricted = Object.keys(process.env).some((name) => /ONEDNN_(OPTS|MAX)/.test(name));
  test.runIf(instructionSets().includes('avx512f') && !restricted)(
    'with AVX-512 and oneDNN as it comes nothing is replaced, bfloat16 products included',
    () => {
      expect(findOut(binding(), true).problems).toEqual([]);
    },
  );

  test('none leaves a tensor behind, whether it fails or not', () => {
    for (const device of [
      binding(),
      without(binding(), 'RelaybpSgd'),
      wrong(binding(), 'AvgPool'),
    ]) {
      const before = binding().getNumOfTensors();
      findOut(device, true);
      expect(binding().getNumOfTensors()).toBe(before);
    }
  });

  const operations = [
    '_MklNativeMaxPool',
    '_MklNativeMaxPoolGrad',
    '_MklNativeFusedConv2D',
    'MaxPool',
    'MaxPoolGrad',
    'AvgPool',
    'AvgPoolGrad',
    'FusedBatchNormV3',
    'FusedBatchNormGradV3',
    'Conv2D',
    'Conv2DBackpropFilter',
    'Conv2DBackpropInput',
    'RelaybpReluGradient',
    'RelaybpCast',
    'RelaybpSgd',
    'RelaybpAdamW',
    'RelaybpAccumulate',
    'RelaybpWinograd',
    'RelaybpWinogradInputGradient',
    'RelaybpWinogradFilterGradient',
  ];
  const all = [
    probes.ownNarrowOperations,
    probes.convolution,
    probes.rectifiedConvolution,
    probes.winogradConvolution,
    probes.maxPooling,
    probes.averagePooling,
    probes.batchNormalization,
    probes.ownOperations,
  ];

  /** All probes give what the plain operations of the real device do. */
  function expectRight(device: Binding, mode: Mode): void {
    for (const probe of all) {
      const expected = probed(binding(), PLAIN, probe);
      probed(device, mode, probe).forEach((values, i) => {
        const others = (all: Float32Array) => [...all].filter((value) => !Number.isFinite(value));
        expect(others(values)).toEqual(others(expected[i]!));
        const numbers = (all: Float32Array) => all.filter((value) => Number.isFinite(value));
        expectCloseValues(numbers(values), numbers(expected[i]!), 2 ** -8);
      });
    }
  }
  /** Winograd's operations are not tried where bfloat16 is multiplied. */
  const bf16Products = (op: string): boolean => !op.startsWith('RelaybpWinograd');
  /** The device that runs this may lack something itself; then the same trial fails for that reason. */
  const lacks = (op: string): boolean => findOut(binding(), bf16Products(op)).problems.length > 0;

  test.each(operations)('a device without %s computes the same by other means', (op) => {
    const device = without(binding(), op);
    const { mode, problems } = findOut(device, bf16Products(op));
    const reason = lacks(op) ? '' : `${op} failed: no such kernel here`;
    expect(problems.map(({ problem }) => problem)).toContainEqual(expect.stringContaining(reason));
    expectRight(device, mode);
  });

  test.each(operations)('where %s computes other numbers it is not used', (op) => {
    const device = wrong(binding(), op);
    const { mode, problems } = findOut(device, bf16Products(op));
    const reason = lacks(op) ? /./ : /^it (rounds|computes)/;
    expect(problems.map(({ problem }) => problem)).toContainEqual(expect.stringMatching(reason));
    expectRight(device, mode);
  });

  test('what is replaced is said once, with where to look', async () => {
    const notices: string[] = [];
    const options = { precision: 'bf16', onNotice: (line: string) => notices.push(line) } as const;
    const { trials } = await openNativeEngine(location!, options);
    const missing = trials.filter(({ problem, slight }) => problem !== null && !slight);
    expect(notices).toHaveLength(missing.length > 0 ? 1 : 0);
    for (const { what } of missing) expect(notices[0]).toContain(what);
  });
});
