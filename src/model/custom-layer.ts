import type { CustomSpec } from '../config/layers.js';
import type { Engine, Tensor } from '../engine/engine.js';
import { ConfigError } from '../errors.js';
import { relaySignals, type SignalRules } from '../relay/signals.js';
import { messageOf } from '../system-error.js';
import type { LayerType } from './layer-type.js';
import type { CustomPlan, ParameterPlan, Shape } from './plan.js';

/**
 * A layer type from outside, used in a config as `custom: {type: <its name>, …options}`.
 *
 * Like every layer here it is a function with an explicit backward that is linear in the signal: several signals with
 * ranges of their own go through it side by side (paper, §3).
 */
export interface LayerDefinition<Options extends object = Record<string, unknown>> {
  /**
   * Checks what the config says besides `type`, `name` and `frozen`, and fills in defaults. The result must be plain
   * data. Without it there are no options.
   *
   * @throws Error whose message says what is wrong; it is shown with the place in the config
   */
  options?(given: Readonly<Record<string, unknown>>): Options;
  /** @throws Error as for options, if the input's shape does not suit the layer */
  plan(options: Options, place: CustomPlace): CustomShape;
  forward(x: Tensor, layer: CustomRuntime<Options>): CustomForward;
}

/** Where a layer is being planned. */
export interface CustomPlace {
  /** The input's shape without the batch: `[height, width, channels]` or `[units]`. */
  readonly input: Shape;
  /** Number of classes of the data. */
  readonly classes: number;
}

/** What a layer makes of its input's shape. */
export interface CustomShape {
  /** Without the batch. */
  output: Shape;
  /** In checkpoints they are called `<layer>.<name>`. */
  parameters?: readonly Omit<ParameterPlan, 'state'>[];
  /** Of one image's forward pass; 0 unless given. */
  multiplyAdds?: number;
}

/** What a layer's forward pass can use. */
export interface CustomRuntime<Options> {
  readonly engine: Engine;
  readonly options: Options;
  /** A parameter's value, by the name that `plan` gave it; borrowed. */
  parameter(name: string): Tensor;
  /** False at test time. */
  readonly training: boolean;
  /** Uniform random numbers in [0, 1); the same for the same step and micro-batch. */
  random(): () => number;
}

/**
 * The output, and the way back. `x` and the signals are borrowed; `y` and what the functions return belong to the
 * caller. What the way back needs is kept until `release`, which is called exactly once.
 */
export interface CustomForward {
  y: Tensor;
  /** The gradient with respect to the input, from that with respect to the output. */
  inputGradient(dy: Tensor): Tensor;
  /** The gradients of the parameters, by name; `dy` is the sum of all signals. */
  parameterGradient?(dy: Tensor): Readonly<Record<string, Tensor>>;
  release(): void;
}

const definitions = new Map<string, LayerDefinition<object>>();

/**
 * Makes a layer type known under a name, for this process. It must be registered before a config that uses it is
 * planned, also where its trained network is evaluated later.
 *
 * @throws ConfigError if the name is taken or is not a name
 */
export function registerLayer<Options extends object>(
  type: string,
  definition: LayerDefinition<Options>,
): void {
  if (!/^[A-Za-z]\w*$/.test(type)) {
    throw new ConfigError(`layer type "${type}": a letter, then letters, digits or _`);
  }
  if (definitions.has(type)) {
    throw new ConfigError(
      `layer type "${type}" is registered already`,
      'register it once, or under another name',
    );
  }
  definitions.set(type, definition as LayerDefinition<object>);
}

function definitionOf(type: string, path: readonly (string | number)[]): LayerDefinition<object> {
  const definition = definitions.get(type);
  if (definition) return definition;
  throw new ConfigError(
    `the layer type "${type}" is not registered; registered: ${[...definitions.keys()].join(', ') || 'none'}`,
    'import the module that registers it first; for the command line: NODE_OPTIONS="--import ./its-module.js" relaybp …',
    [...path, 'type'],
  );
}

/** A layer of a registered type. */
export const custom: LayerType<CustomSpec, CustomPlan> = {
  plan({ type, name: given, frozen, ...rest }, place) {
    const definition = definitionOf(type, place.path);
    const name = place.name(type, given);
    const { input, classes } = place;
    const [options, shape] = explained(type, place.path, () => {
      const unknown = Object.keys(rest)[0];
      if (!definition.options && unknown) throw new Error(`it has no option "${unknown}"`);
      const checked = definition.options?.(rest) ?? {};
      return [checked, definition.plan(checked, { input, classes })] as const;
    });
    return {
      type: 'custom',
      kind: type,
      options,
      name,
      input,
      output: shape.output,
      parameters: (shape.parameters ?? []).map((parameter) => ({
        ...parameter,
        name: `${name}.${parameter.name}`,
      })),
      multiplyAdds: shape.multiplyAdds ?? 0,
      frozen: place.frozen || frozen,
    };
  },

  forward(plan, x, runtime) {
    const { engine } = runtime;
    const full = (name: string): string => `${plan.name}.${name}`;
    const { y, inputGradient, parameterGradient, release } = definitionOf(plan.kind, []).forward(
      x,
      {
        engine,
        options: plan.options,
        parameter: (name) => runtime.parameter(full(name)),
        training: runtime.training(),
        random: () => runtime.random(plan.name),
      },
    );
    const rules: SignalRules = { inputGradient, release };
    if (parameterGradient) {
      rules.parameterGradients = (dy) => [
        Object.entries(parameterGradient(dy)).map(([name, value]) => ({
          parameter: full(name),
          value,
        })),
      ];
    }
    return { y, pass: relaySignals(engine, rules) };
  },
};

/** Whatever a definition throws, with the place in the config. */
function explained<T>(type: string, path: readonly (string | number)[], run: () => T): T {
  try {
    return run();
  } catch (error) {
    const reason = messageOf(error);
    throw new ConfigError(`the layer type "${type}": ${reason}`, undefined, path);
  }
}
