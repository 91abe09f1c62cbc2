/** The evaluation preprocessing of timm's `pretrained_cfg`, as timm's validate.py reads it (1.0.31). */
import { z } from 'zod';
import { ConfigError } from '../errors.js';
import { on255, type PublishedPreprocessing } from './published-preprocessing.js';

const size = z.tuple([z.int().positive(), z.int().positive(), z.int().positive()]);
const triple = z.array(z.number()).length(3);

/** What of it says how images are tested; timm's own defaults where it says nothing. */
const configSchema = z.object({
  tag: z.string().nullish(),
  input_size: size.default([3, 224, 224]),
  test_input_size: size.nullish(),
  interpolation: z.string().default('bicubic'),
  crop_pct: z.number().positive().default(0.875),
  test_crop_pct: z.number().positive().nullish(),
  crop_mode: z.string().nullish(),
  mean: triple.default([0.485, 0.456, 0.406]),
  std: triple.default([0.229, 0.224, 0.225]),
});

const INTERPOLATIONS = { bilinear: 'bilinear', bicubic: 'bicubic', lanczos: 'lanczos3' } as const;

/** Whether JSON is a config of timm: the form of today, with `pretrained_cfg` inside, or the older one that is it. */
export function timmConfigIn(json: unknown): object | null {
  if (typeof json !== 'object' || json === null) return null;
  if ('pretrained_cfg' in json) return json.pretrained_cfg as object;
  return 'input_size' in json && 'crop_pct' in json ? json : null;
}

/**
 * @param config `pretrained_cfg`
 * @param file where it is, for messages
 * @throws ConfigError if it is none, or says what a config of relaybp cannot
 */
export function timmPreprocessing(config: object, file: string): PublishedPreprocessing {
  const parsed = configSchema.safeParse(config);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw refused(file, `pretrained_cfg.${issue!.path.join('.')}: ${issue!.message}`);
  }
  const found = parsed.data;
  const { input_size, test_input_size, interpolation, crop_mode, tag } = found;
  const [channels, height, width] = test_input_size ?? input_size;
  const cropPct = found.test_crop_pct || found.crop_pct;
  if (channels !== 3 || height !== width) {
    throw refused(
      file,
      `its input is ${channels}x${height}x${width}; data.crop is a square of RGB`,
    );
  }
  if (crop_mode && crop_mode !== 'center') {
    const what =
      crop_mode === 'squash'
        ? 'resizes both sides regardless of the aspect ratio'
        : 'shows the whole image with a border';
    throw refused(file, `crop_mode "${crop_mode}" ${what}; data.resize keeps the aspect ratio`);
  }
  if (!(interpolation in INTERPOLATIONS)) {
    const known = Object.keys(INTERPOLATIONS).join(', ');
    throw refused(file, `interpolation "${interpolation}" is none of ${known}`);
  }
  if (cropPct > 1) throw refused(file, `crop_pct ${cropPct}: the crop is larger than the image`);
  return {
    source: `timm's (${file})`,
    resize: Math.floor(height / cropPct),
    crop: height,
    interpolation: INTERPOLATIONS[interpolation as keyof typeof INTERPOLATIONS],
    mean: on255(found.mean),
    std: on255(found.std),
    notes: [...testSizeNote(found), ...(tag && /^tv/.test(tag) ? [TORCHVISION_TAG] : [])],
  };
}

const TORCHVISION_TAG =
  "the weights are torchvision's, whose own preset differs from timm's for many of them (size, filter): that one with --preprocessing and the name of the weights, for instance ResNet50_Weights.IMAGENET1K_V2";

/** timm has two sizes: validate.py and its table of results take the test size, resolve_model_data_config and model cards the other. */
function testSizeNote(config: z.infer<typeof configSchema>): string[] {
  const { input_size, test_input_size, crop_pct, test_crop_pct } = config;
  if (!test_input_size && !test_crop_pct) return [];
  const side = input_size[1];
  const resize = Math.floor(side / crop_pct);
  return [
    `these are timm's sizes for tests, as in its table of results; its model cards resize to ${resize} and crop ${side}: --set data.resize=${resize} --set data.crop=${side} --set model.input=[${side},${side},3]`,
  ];
}

function refused(file: string, what: string): ConfigError {
  return new ConfigError(
    `${file}: timm's evaluation preprocessing cannot be taken over: ${what}`,
    "give --preprocessing config to test with the config's own, which is another test than the published one",
  );
}
