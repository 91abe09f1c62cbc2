/**
 * The public API (docs/api.md): what `import … from 'relaybp'` gives. Everything else is internal and may change at any
 * time.
 */

export { type CompareResult, compareCommand as compare } from './commands/compare.js';
export {
  type EvalCommandOptions as EvaluateOptions,
  type EvalResult,
  evalCommand as evaluate,
} from './commands/eval.js';
export type { Hooks } from './commands/hooks.js';
export { type PredictOptions, predict } from './commands/predict.js';
export type { ScoringOptions as CompareOptions } from './commands/scoring.js';
export {
  type TrainCommandOptions as TrainOptions,
  type TrainCommandResult as TrainOutcome,
  type TrainHooks,
  trainCommand as train,
} from './commands/train.js';
export type { ExperimentConfig } from './config/experiment-schema.js';
export { type LoadedConfig, loadConfig, parseConfig } from './config/load.js';
export { printConfig } from './config/print.js';
export type { Engine, Forward, Saved, Shape, Tensor } from './engine/engine.js';
export {
  CheckpointError,
  ConfigError,
  DataError,
  EngineError,
  RelaybpError,
  TrainingError,
} from './errors.js';
export type { ImagePredictions } from './eval/prediction-format.js';
export type { Prediction } from './eval/results.js';
export { type ExperimentPlan, planExperiment } from './experiment/experiment-plan.js';
export { asConvolution } from './model/layers/as-convolution.js';
export {
  type CustomForward,
  type CustomPlace,
  type CustomPlan,
  type CustomRuntime,
  type CustomShape,
  type LayerDefinition,
  registerLayer,
} from './model/layers/custom.js';
export type {
  Affine,
  ChannelAffine,
  Constant,
  GraphBuilder,
  GraphPlace,
} from './model/layers/graph-builder.js';
export type { LayerMemory } from './model/layers/layer-memory.js';
export type { AnyLayerPlan, ParameterPlan } from './model/layers/layer-plan.js';
export type { DensePlace, LayerTraits } from './model/layers/layer-type.js';
export type { LayerPlan } from './model/layers/table.js';
export type { Arrival, WeightLayout } from './model/layers/weight-layout.js';
export type { NetworkPlan } from './model/network-plan.js';
export { planJson } from './plan/json.js';
export type { LoggedRow, StepProgress, TrainEvents } from './train/events.js';
export { version } from './version.js';
