import { USUAL_RESIZING } from '../config/resizing.js';
import { channelMean, divisors, type Preprocessing } from '../data/images/preprocessing.js';
import type { LayerPlan } from '../model/layers/table.js';
import type { NamedTensor } from '../safetensors.js';
import { version } from '../version.js';

/** What is exported: the network as it predicts, without auxiliary heads. */
export interface ExportModel {
  /** The config's name. */
  readonly name: string;
  /** Trunk and primary head. */
  readonly chain: readonly LayerPlan[];
  /** Those of the chain, no others. */
  readonly weights: ReadonlyMap<string, NamedTensor>;
  readonly preprocessing: Preprocessing & { crop: number };
  readonly classes: readonly string[];
  /** Where the weights come from. */
  readonly checkpoint: string;
  readonly step: number;
  /** They are a moving average. */
  readonly ema: boolean;
  readonly graph: GraphForm;
}

export const WEIGHT_TYPES = ['float32', 'float16'] as const;

/** How the graph is written. */
export interface GraphForm {
  /** `[height, width]` of the pixels that it takes. */
  readonly size: readonly [number, number];
  /** It takes other sizes as well. */
  readonly anySize: boolean;
  /** Images at once; null: any number. */
  readonly batch: number | null;
  /** A batch normalization right after a convolution or a fully connected layer becomes part of its weights. */
  readonly foldBatchNorm: boolean;
  /** Of filters and fully connected weights; everything else is float32. */
  readonly weights: (typeof WEIGHT_TYPES)[number];
}

export const EXPORT_FORMATS = ['onnx', 'tfjs', 'saved-model', 'safetensors'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** Names in the graph's interface. */
export const INPUT = 'pixels';
export const LOGITS = 'logits';
export const PROBABILITIES = 'probabilities';

/** What images are resized to before `size` is cut out: at another size than the crop of training, in proportion. */
export function shorterSide(
  { resize, crop }: ExportModel['preprocessing'],
  size: GraphForm['size'],
): number {
  return Math.round((resize * Math.max(...size)) / crop);
}

/** What every format says about the network beside its graph: format version 1 (docs/export.md). */
export function exportMetadata(model: ExportModel, format: ExportFormat) {
  const { resizing = USUAL_RESIZING, mean } = model.preprocessing;
  const [height, width] = model.graph.size;
  const batch = model.graph.batch ?? 'batch';
  const sides = model.graph.anySize ? ['height', 'width'] : [height, width];
  const graph = format !== 'safetensors';
  const channelsFirst = format === 'onnx';
  return {
    formatVersion: 1,
    producer: `relaybp ${version}`,
    name: model.name,
    checkpoint: model.checkpoint,
    step: model.step,
    ema: model.ema,
    classes: model.classes,
    input: {
      ...(graph && { name: INPUT }),
      layout: channelsFirst ? 'NCHW' : 'NHWC',
      shape: channelsFirst ? [batch, 3, ...sides] : [batch, ...sides, 3],
      dtype: 'float32',
      channels: 'RGB',
      range: [0, 255],
    },
    preprocessing: {
      orientation: 'EXIF orientation applied, transparency on white',
      resize: {
        shorterSide: shorterSide(model.preprocessing, model.graph.size),
        keepAspectRatio: true,
        kernel: resizing.interpolation,
        antialias: true,
        rounding: resizing.protocol,
      },
      crop: { height, width, position: 'centre', rounding: resizing.protocol },
      normalization: {
        formula: '(pixel - mean) / std',
        inGraph: graph,
        mean: channelMean(model.preprocessing),
        /** The graph (or the tensor normalization.mean) holds a value for every pixel; `mean` is its average. */
        meanImage: mean.kind === 'pixel',
        std: [...divisors(model.preprocessing)],
      },
    },
    outputs: graph
      ? [
          { name: LOGITS, shape: [batch, model.classes.length] },
          { name: PROBABILITIES, shape: [batch, model.classes.length] },
        ]
      : [],
  };
}
