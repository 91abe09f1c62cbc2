/**
 * The portable engine: TensorFlow.js's WebAssembly kernels for convolutions and matrix products, loops over the
 * same memory for the rest. It needs nothing but npm and runs on one thread.
 */
import { version_wasm } from '@tensorflow/tfjs-backend-wasm';
import type { ConvolutionChoice } from '../convolution-form.js';
import type {
  BatchNormGradient,
  BatchNormOptions,
  BatchNormTensors,
  Engine,
  EngineInfo,
  Forward,
  LrnOptions,
  ParameterGradient,
  PoolWindow,
  Saved,
  Scale,
  Shape,
  Targets,
  Tensor,
  Trial,
  Window,
} from '../engine.js';
import { checkPoolWindow } from '../pool-window.js';
import { rowScales } from '../row-scales.js';
import { startBackend, usesSimd } from './backend.js';
import { concat, split } from './channels.js';
import { ConvSaved, checkConv, checkWindow, convForward } from './convolution.js';
import { filterGradient, inputGradient } from './convolution-gradients.js';
import { checkDense, DenseSaved, denseInputGradient, weightGradient } from './dense.js';
import * as loops from './elementwise.js';
import { demand, factsOf, show, tensorOf, WasmSaved } from './handles.js';
import { Heap, sizeOf } from './heap.js';
import { softmaxCrossEntropy, softTargetCrossEntropy } from './loss.js';
import { checkSameShape } from './memory.js';
import * as norm from './normalization.js';
import { type PoolFacts, PoolSaved, poolBackward, pooledShape, poolForward } from './pooling.js';
import { WasmUpdates } from './updates.js';
import { takesWinograd } from './winograd-form.js';
import { loadWinogradKernels } from './winograd-kernels.js';

/**
 * Loads the engine; about 0.1 s.
 *
 * @throws EngineError if WebAssembly does not start
 */
export async function openWasmEngine(
  options: { convolution?: ConvolutionChoice } = {},
): Promise<Engine> {
  const backend = await startBackend();
  const hasSimd = await usesSimd();
  const winograd = hasSimd && options.convolution !== 'direct';
  const heap = new Heap(backend, winograd ? loadWinogradKernels(backend) : null);
  const simd: Trial = {
    what: 'SIMD instructions of WebAssembly',
    type: 'float32',
    problem: hasSimd ? null : 'there are none on this CPU or in this version of Node',
    instead: 'kernels without them: slower, as exact',
  };
  return new WasmEngine(heap, [simd]);
}

class ReluSaved extends WasmSaved<null> {}
class DropoutSaved extends WasmSaved<Float32Array> {}

class WasmEngine extends WasmUpdates implements Engine {
  readonly info: EngineInfo = {
    name: 'wasm',
    precision: 'float32',
    library: `TensorFlow.js WASM ${version_wasm}`,
    device: 'cpu',
    threads: 1,
  };

  constructor(
    heap: Heap,
    readonly trials: readonly Trial[],
  ) {
    super(heap);
  }

  takesWinograd(window: Window, channels: number, [, height = 0, width = 0, out = 0]: Shape) {
    const size = [height, width] as const;
    return this.heap.winograd !== null && takesWinograd('output', window, channels, size, out);
  }

  conv(
    x: Tensor,
    filter: Tensor,
    bias: Tensor | null,
    options: { window: Window; relu: boolean },
  ): Forward {
    const { heap } = this;
    checkConv(x.shape, filter.shape, bias?.shape, options.window);
    const [from, weights] = [tensorOf(x).block, tensorOf(filter).block];
    const y = convForward(heap, from, weights, bias && tensorOf(bias).block, options);
    const facts = {
      x: heap.share(from),
      filter: heap.share(weights),
      y: y.shape,
      bias: bias !== null,
      window: options.window,
    };
    const active = options.relu ? heap.share(y) : null;
    const blocks = [facts.x, facts.filter, ...(active ? [active] : [])];
    return { y: this.own(y), saved: new ConvSaved(heap, facts, active, blocks) };
  }

  convParameterGradient(saved: Saved, dz: Tensor): ParameterGradient {
    const facts = factsOf(saved, ConvSaved);
    checkSameShape('the signal of a conv', dz.shape, facts.y);
    const weight = this.own(filterGradient(this.heap, facts, tensorOf(dz).block));
    return { weight, bias: facts.bias ? this.#sumRows(dz) : null };
  }

  convInputGradient(saved: Saved, dz: Tensor): Tensor {
    const facts = factsOf(saved, ConvSaved);
    checkSameShape('the signal of a conv', dz.shape, facts.y);
    return this.own(inputGradient(this.heap, facts, tensorOf(dz).block));
  }

  dense(x: Tensor, weight: Tensor, bias: Tensor | null, options: { relu: boolean }): Forward {
    const { heap } = this;
    checkDense(x.shape, weight.shape, bias?.shape);
    const [from, weights] = [tensorOf(x).block, tensorOf(weight).block];
    const y = heap.matMul(from, weights, bias && tensorOf(bias).block);
    if (options.relu) loops.reluInPlace(heap.values(y));
    const facts = {
      x: heap.share(from),
      weight: heap.share(weights),
      y: y.shape,
      bias: bias !== null,
    };
    const active = options.relu ? heap.share(y) : null;
    const blocks = [facts.x, facts.weight, ...(active ? [active] : [])];
    return { y: this.own(y), saved: new DenseSaved(heap, facts, active, blocks) };
  }

  denseParameterGradient(saved: Saved, dz: Tensor): ParameterGradient {
    const facts = factsOf(saved, DenseSaved);
    checkSameShape('the signal of a dense layer', dz.shape, facts.y);
    const weight = this.own(weightGradient(this.heap, facts, tensorOf(dz).block));
    return { weight, bias: facts.bias ? this.#sumRows(dz) : null };
  }

  denseInputGradient(saved: Saved, dz: Tensor): Tensor {
    const facts = factsOf(saved, DenseSaved);
    checkSameShape('the signal of a dense layer', dz.shape, facts.y);
    return this.own(denseInputGradient(this.heap, facts, tensorOf(dz).block));
  }

  activationGradient(saved: Saved, dy: Tensor): Tensor {
    demand(saved instanceof WasmSaved, () => 'what was saved belongs to another engine');
    const active = saved.activation();
    if (!active) return this.retain(dy);
    checkSameShape('the signal of an activation', dy.shape, active.shape);
    return this.fill(dy.shape, (dz) => {
      loops.mask(tensorOf(dy).values, this.heap.values(active), dz);
    });
  }

  relu(x: Tensor): Forward {
    const y = this.fill(x.shape, (values) => loops.relu(tensorOf(x).values, values));
    const active = this.heap.share(tensorOf(y).block);
    return { y, saved: new ReluSaved(this.heap, null, active, [active]) };
  }

  batchNorm(x: Tensor, tensors: BatchNormTensors, options: BatchNormOptions): Forward {
    const channels = x.shape.at(-1)!;
    demand(x.shape.length === 4 || x.shape.length === 2, () => {
      return `batch normalization needs x [b, h, w, c] or [b, c], got ${show(x.shape)}`;
    });
    for (const t of Object.values(tensors))
      checkSameShape('batch normalization', t.shape, [channels]);
    const { mean, variance } = options.training
      ? this.#batchStatistics(x, tensors, options)
      : { mean: doubles(tensors.mean), variance: doubles(tensors.variance) };
    const inverse = variance.map((value) => 1 / Math.sqrt(value + options.epsilon));
    const y = this.fill(x.shape, (values) => {
      const affine = {
        weight: tensorOf(tensors.weight).values,
        bias: tensorOf(tensors.bias).values,
      };
      norm.normalize(tensorOf(x).values, affine, { mean, inverse }, options, values);
    });
    const [kept, weight] = [x, tensors.weight].map((t) => this.heap.share(tensorOf(t).block));
    const facts = { x: kept!, weight: weight!, mean, inverse, training: options.training };
    const active = options.relu ? this.heap.share(tensorOf(y).block) : null;
    const blocks = [kept!, weight!, ...(active ? [active] : [])];
    return { y, saved: new norm.BatchNormSaved(this.heap, facts, active, blocks) };
  }

  batchNormGradient(saved: Saved, dz: Tensor): BatchNormGradient {
    const { heap } = this;
    const facts = factsOf(saved, norm.BatchNormSaved);
    checkSameShape('the signal of a batch normalization', dz.shape, facts.x.shape);
    const sums = norm.batchNormSums(heap.values(facts.x), tensorOf(dz).values, facts);
    const input = this.fill(dz.shape, (dx) => {
      const [x, weight] = [heap.values(facts.x), heap.values(facts.weight)];
      norm.batchNormInput({ x, dz: tensorOf(dz).values, weight }, sums, facts, dx);
    });
    const [weight, bias] = [sums.weight, sums.bias].map((sum) => {
      return this.fill([sum.length], (values) => values.set(sum));
    });
    return { weight: weight!, bias: bias!, input };
  }

  lrn(x: Tensor, options: LrnOptions): Forward {
    demand(x.shape.length === 4, () => `lrn needs x [b, h, w, c], got ${show(x.shape)}`);
    const y = this.fill(x.shape, (values) => {
      norm.lrn(tensorOf(x).values, x.shape[3]!, options, values);
    });
    const kept = this.heap.share(tensorOf(x).block);
    return { y, saved: new norm.LrnSaved(this.heap, { x: kept, options }, null, [kept]) };
  }

  lrnGradient(saved: Saved, dy: Tensor): Tensor {
    const { x, options } = factsOf(saved, norm.LrnSaved);
    checkSameShape('the signal of a local response normalization', dy.shape, x.shape);
    return this.fill(x.shape, (dx) => {
      norm.lrnGradient(this.heap.values(x), tensorOf(dy).values, x.shape[3]!, options, dx);
    });
  }

  pool(x: Tensor, window: PoolWindow): Forward {
    demand(x.shape.length === 4, () => `pool needs x [b, h, w, c], got ${show(x.shape)}`);
    checkPoolWindow(window);
    checkWindow(x.shape, window);
    const shape = pooledShape(x.shape, window);
    const winners = window.kind === 'max' ? new Int32Array(sizeOf(shape)) : null;
    const facts: PoolFacts = { x: x.shape, y: shape, window, winners };
    const y = this.fill(shape, (values) => poolForward(tensorOf(x).values, values, facts));
    return { y, saved: new PoolSaved(this.heap, facts, null, []) };
  }

  poolGradient(saved: Saved, dy: Tensor): Tensor {
    const facts = factsOf(saved, PoolSaved);
    checkSameShape('the signal of a pooling', dy.shape, facts.y);
    return this.fill(facts.x, (dx) => poolBackward(tensorOf(dy).values, dx, facts));
  }

  dropout(x: Tensor, mask: Float32Array): Forward {
    demand(mask.length === sizeOf(x.shape), () => {
      return `a dropout mask of ${mask.length} values does not fit ${show(x.shape)}`;
    });
    const saved = new DropoutSaved(this.heap, mask.slice(), null, []);
    return { y: this.dropoutGradient(saved, x), saved };
  }

  dropoutGradient(saved: Saved, dy: Tensor): Tensor {
    const mask = factsOf(saved, DropoutSaved);
    return this.fill(dy.shape, (dx) => loops.multiply(tensorOf(dy).values, mask, dx));
  }

  concat(xs: readonly Tensor[]): Tensor {
    return this.own(concat(this.heap, xs));
  }

  split(x: Tensor, sizes: readonly number[]): Tensor[] {
    return split(this.heap, x, sizes).map((part) => this.own(part));
  }

  reshape(x: Tensor, shape: Shape): Tensor {
    demand(sizeOf(shape) === sizeOf(x.shape), () => `${show(x.shape)} reshaped to ${show(shape)}`);
    // A copy: the matrix kernel keeps packed weights by block, whatever the shape it sees them in next.
    return this.fill(shape, (values) => values.set(tensorOf(x).values));
  }

  add(xs: readonly Tensor[]): Tensor {
    const [first, ...others] = xs;
    demand(first !== undefined, () => 'a sum of nothing');
    if (others.length === 0) return this.retain(first);
    for (const other of others) checkSameShape('a sum', first.shape, other.shape);
    return this.fill(first.shape, (sum) => {
      sum.set(tensorOf(first).values);
      for (const other of others) loops.add(sum, tensorOf(other).values, sum);
    });
  }

  softmaxCrossEntropy(
    logits: Tensor,
    targets: Targets,
    scale: Scale,
  ): { losses: Float32Array; gradient: Tensor } {
    const [batch = 0, classes = 0] = logits.shape;
    const soft = targets instanceof Float32Array;
    const expected = soft ? batch * classes : batch;
    demand(logits.shape.length === 2 && targets.length === expected, () => {
      const what = soft ? 'target values' : 'labels';
      return `${targets.length} ${what} do not fit logits of shape ${show(logits.shape)}`;
    });
    const wrong = soft ? undefined : targets.find((label) => label < -1 || label >= classes);
    demand(wrong === undefined, () => `label ${wrong} is not in -1..${classes - 1}`);
    const scales = rowScales(scale, batch);
    const losses = new Float32Array(batch);
    const gradient = this.fill(logits.shape, (values) => {
      const from = tensorOf(logits).values;
      if (soft) softTargetCrossEntropy(from, targets, scales, losses, values);
      else softmaxCrossEntropy(from, targets, scales, losses, values);
    });
    return { losses, gradient };
  }

  /** The batch's own statistics; the running ones follow them. */
  #batchStatistics(
    x: Tensor,
    tensors: BatchNormTensors,
    { momentum }: BatchNormOptions,
  ): norm.Moments {
    const channels = x.shape.at(-1)!;
    const found = norm.moments(tensorOf(x).values, channels);
    const unbiased = norm.unbiased(found.variance, sizeOf(x.shape) / channels);
    this.rewrite([tensors.mean, tensors.variance], ([mean, variance]) => {
      norm.follow(tensorOf(tensors.mean).values, found.mean, momentum, mean);
      norm.follow(tensorOf(tensors.variance).values, unbiased, momentum, variance);
    });
    return found;
  }

  /** The bias gradient of a signal `[…, out]`. */
  #sumRows(dz: Tensor): Tensor {
    return this.fill(dz.shape.slice(-1), (sums) => loops.sumRows(tensorOf(dz).values, sums));
  }
}

function doubles(t: Tensor): Float64Array {
  return Float64Array.from(tensorOf(t).values);
}
