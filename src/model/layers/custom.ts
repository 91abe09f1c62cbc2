import { z } from 'zod';
import type { Engine, Shape, Tensor } from '../../engine/engine.js';
import { ConfigError, ExportError } from '../../errors.js';
import { relaySignals, type SignalRules } from '../../relay/signals.js';
import { messageOf } from '../../system-error.js';
import { type AnyLayerPlan, type ParameterPlan, volume } from './layer-plan.js';
import type { LayerTraits, LayerType, Place } from './layer-type.js';
import { learning } from './learning.js';
import { named } from './schema-parts.js';
import { leavingInOrder } from './weight-layout.js';

/**
 * A layer type from outside, used in a config as `custom: {type: <its name>, …options}`.
 *
 * Like every layer here it is a function with an explicit backward that is linear in the signal: several signals with
 * ranges of their own go through it side by side (paper, §3).
 *
 * What `LayerTraits` has is as for relaybp's own types, and may be left out: a layer is then described by its type's
 * name, taken to keep its input and its output, not exported, and planned anew at another image size.
 */
export interface LayerDefinition<Options extends object = Record<string, unknown>>
  extends Partial<LayerTraits<CustomPlan<Options>>> {
  /**
   * Checks what the config says besides `type`, `name`, `frozen` and `lrFactor`, and fills in defaults. The result must be
   * plain data. Without it there are no options.
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

const schema = z.looseObject({
  ...named,
  type: z.string().describe('The name that the layer type was registered under.'),
});

/** A layer of a type that was registered from outside. */
export interface CustomPlan<Options extends object = object> extends AnyLayerPlan {
  readonly type: 'custom';
  /** The name that it was registered under. */
  readonly kind: string;
  /** As its definition made them; plain data. */
  readonly options: Options;
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
  definitions.set(type, definition as unknown as LayerDefinition<object>);
}

function definitionOf(
  type: string,
  path: readonly (string | number)[] = [],
): LayerDefinition<object> {
  const definition = definitions.get(type);
  if (definition) return definition;
  throw new ConfigError(
    `the layer type "${type}" is not registered; registered: ${[...definitions.keys()].join(', ') || 'none'}`,
    'import the module that registers it first; for the command line: NODE_OPTIONS="--import ./its-module.js" relaybp …',
    [...path, 'type'],
  );
}

/** A layer of a registered type. Other keys than `type`, `name`, `frozen` and `lrFactor` are its options. */
export const custom: LayerType<z.infer<typeof schema>, CustomPlan> = {
  about: 'A layer type of your own, registered with registerLayer, with its options.',
  schema: () => schema,

  plan({ type, name: given, frozen, lrFactor, ...rest }, place) {
    const definition = definitionOf(type, place.path);
    const options = explained(type, place.path, () => {
      const unknown = Object.keys(rest)[0];
      if (!definition.options && unknown) throw new Error(`it has no option "${unknown}"`);
      return definition.options?.(rest) ?? {};
    });
    const name = place.name(type, given);
    const own = { type: 'custom', kind: type, options, name } as const;
    return { ...planShape(own, place), ...learning(place, { frozen, lrFactor }) };
  },

  forward(plan, x, runtime) {
    const { engine } = runtime;
    const full = (name: string): string => `${plan.name}.${name}`;
    const { y, inputGradient, parameterGradient, release } = definitionOf(plan.kind).forward(x, {
      engine,
      options: plan.options,
      parameter: (name) => runtime.parameter(full(name)),
      training: runtime.training(),
      random: () => runtime.random(plan.name),
    });
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

  describe: (plan) =>
    explained(plan.kind, [], () => definitionOf(plan.kind).describe?.(plan)) ?? plan.kind,

  memory: (plan, inside) =>
    explained(plan.kind, [], () => definitionOf(plan.kind).memory?.(plan, inside)) ?? {
      input: true,
      output: true,
    },

  graph(plan, x, place) {
    const definition = definitionOf(plan.kind);
    if (!definition.graph) {
      throw new ExportError(
        `${plan.name}: the layer type "${plan.kind}" has no graph, so other programs cannot run it`,
        'give its definition a graph (docs/api.md), or take --format safetensors, which holds the weights alone',
      );
    }
    try {
      return definition.graph(plan, x, place);
    } catch (error) {
      throw new ExportError(`${plan.name}: the layer type "${plan.kind}": ${messageOf(error)}`);
    }
  },

  affine: (plan, constant) => definitionOf(plan.kind).affine?.(plan, constant) ?? null,

  /** Planned anew for what arrives, unless its definition says more. */
  dense(trained, planned, input, place) {
    const definition = definitionOf(planned.kind);
    const layer = explained(planned.kind, [], () =>
      definition.dense?.(trained, planned, input, place),
    ) ?? { ...planned, ...planShape(planned, { input, classes: place.classes, path: [] }) };
    checkParameters(trained, layer, definition.dense !== undefined);
    return layer;
  },

  layout: (plan, parameter) => definitionOf(plan.kind).layout?.(plan, parameter) ?? null,

  leaving: (plan, arriving, inside) =>
    definitionOf(plan.kind).leaving?.(plan, arriving, inside) ?? leavingInOrder(plan, arriving),
};

/** What the definition makes of the shape that arrives. */
function planShape(
  layer: Pick<CustomPlan, 'type' | 'kind' | 'options' | 'name'>,
  { input, classes, path }: Pick<Place, 'input' | 'classes' | 'path'>,
): Omit<CustomPlan, 'frozen'> {
  const shape = explained(layer.kind, path, () =>
    definitionOf(layer.kind).plan(layer.options, { input, classes }),
  );
  return {
    ...layer,
    input,
    output: shape.output,
    parameters: (shape.parameters ?? []).map((parameter) => ({
      ...parameter,
      name: `${layer.name}.${parameter.name}`,
    })),
    multiplyAdds: shape.multiplyAdds ?? 0,
  };
}

/** Parameters are those of the training; under other shapes only where a definition says so, with as many values. */
function checkParameters(trained: AnyLayerPlan, layer: AnyLayerPlan, reshaped: boolean): void {
  const shapes = ({ parameters }: AnyLayerPlan): string =>
    parameters.map(({ shape }) => `[${shape.join(', ')}]`).join(', ');
  const sizes = ({ parameters }: AnyLayerPlan): string =>
    parameters.map(({ name, shape }) => `${name} ${volume(shape)}`).join();
  const fits = reshaped ? sizes(trained) === sizes(layer) : shapes(trained) === shapes(layer);
  if (fits) return;
  throw new ConfigError(
    `the parameters of ${trained.name} depend on the size: ${shapes(trained)} in training, ${shapes(layer)} here`,
  );
}

/** Whatever a definition throws, with the place in the config. */
function explained<T>(type: string, path: readonly (string | number)[], run: () => T): T {
  try {
    return run();
  } catch (error) {
    const reason = messageOf(error);
    throw new ConfigError(`the layer type "${type}": ${reason}`, undefined, path);
  }
}
