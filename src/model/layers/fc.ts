import type { FcSpec } from '../../config/layers.js';
import type { Engine, Forward, Saved, Tensor } from '../../engine/engine.js';
import type { Gradient } from '../../relay/layer.js';
import { relaySignals, type SignalRules } from '../../relay/signals.js';
import type { LayerType, Runtime } from '../layer-type.js';
import { type FcPlan, volume } from '../plan.js';
import { weightAndBias } from './weights.js';

/** Fully connected layer with bias and optional ReLU; a map is read row-major: height, width, channels. */
export const fc: LayerType<FcSpec, FcPlan> = {
  plan(spec, place) {
    const name = place.name('fc', spec.name);
    const inputs = volume(place.input);
    const units = spec.units === 'classes' ? place.classes : spec.units;
    return {
      type: 'fc',
      name,
      input: place.input,
      output: [units],
      parameters: weightAndBias(
        name,
        { shape: [inputs, units], axes: ['in', 'out'], fanIn: inputs },
        spec.bias,
      ),
      multiplyAdds: inputs * units,
      frozen: place.frozen || spec.frozen,
      relu: spec.relu,
    };
  },

  forward(plan, x, runtime) {
    const { engine } = runtime;
    const flat = engine.reshape(x, [x.shape[0]!, volume(plan.input)]);
    const { y, rules } = product(plan, flat, runtime);
    engine.dispose(flat);
    const pass = relaySignals(engine, {
      ...rules,
      inputGradient: (dz) => reshaped(engine, rules.inputGradient(dz), x.shape),
    });
    return { y, pass };
  },
};

/** `x` `[batch, in]` times the weight, held in one or several parts, plus the bias. */
function product(
  plan: FcPlan,
  x: Tensor,
  { engine, parameter, parts }: Runtime,
): { y: Tensor; rules: SignalRules } {
  const [weights, biases] = plan.parameters.map(({ name }) => parts(name));
  const runs = weights!.map((weight, i) => {
    const bias = biases?.[i];
    const forward = engine.dense(x, parameter(weight), bias ? parameter(bias) : null, plan);
    return { weight, bias, ...forward };
  });
  return runs.length === 1 ? inOnePart(engine, runs[0]!) : inColumns(engine, runs);
}

interface Run extends Forward {
  readonly weight: string;
  readonly bias: string | undefined;
}

function inOnePart(engine: Engine, run: Run): { y: Tensor; rules: SignalRules } {
  const { y, saved } = run;
  const rules: SignalRules = {
    activation: (dy) => engine.activationGradient(saved, dy),
    parameterGradients: (dz) => gradientsOf(engine, run, dz),
    inputGradient: (dz) => engine.denseInputGradient(saved, dz),
    release: () => engine.release(saved),
  };
  return { y, rules };
}

/** Takes over the outputs of `runs`, which are columns of `y`. */
function inColumns(engine: Engine, runs: readonly Run[]): { y: Tensor; rules: SignalRules } {
  const outputs = runs.map((run) => run.y);
  const y = engine.concat(outputs);
  for (const output of outputs) engine.dispose(output);
  const widths = outputs.map((output) => output.shape.at(-1)!);
  /** `join`s what `each` makes of every part's columns of a signal. */
  const byPart = (
    signal: Tensor,
    each: (part: Tensor, saved: Saved) => Tensor,
    join: (made: Tensor[]) => Tensor,
  ): Tensor => {
    const made = engine.split(signal, widths).map((part, i) => {
      const result = each(part, runs[i]!.saved);
      engine.dispose(part);
      return result;
    });
    const joined = join(made);
    for (const part of made) engine.dispose(part);
    return joined;
  };
  const rules: SignalRules = {
    activation: (dy) =>
      byPart(
        dy,
        (part, saved) => engine.activationGradient(saved, part),
        (made) => engine.concat(made),
      ),
    *parameterGradients(dz) {
      for (const [i, part] of engine.split(dz, widths).entries()) {
        yield* gradientsOf(engine, runs[i]!, part);
        engine.dispose(part);
      }
    },
    inputGradient: (dz) =>
      byPart(
        dz,
        (part, saved) => engine.denseInputGradient(saved, part),
        (made) => engine.add(made),
      ),
    release() {
      for (const { saved } of runs) engine.release(saved);
    },
  };
  return { y, rules };
}

function gradientsOf(engine: Engine, { weight, bias, saved }: Run, dz: Tensor): Gradient[] {
  const found = engine.denseParameterGradient(saved, dz);
  const gradients = [{ parameter: weight, value: found.weight }];
  if (bias && found.bias) gradients.push({ parameter: bias, value: found.bias });
  return gradients;
}

/** Takes over `t`. */
function reshaped(engine: Engine, t: Tensor, shape: readonly number[]): Tensor {
  const out = engine.reshape(t, shape);
  engine.dispose(t);
  return out;
}
