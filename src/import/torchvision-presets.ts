/** The evaluation presets of torchvision 0.28 for the networks that are imported; scripts/reference-presets.py checks them. */
import { on255, type PublishedPreprocessing } from './published-preprocessing.js';

/** The name of the weights; the file they are handed out as, without its end; shorter side and crop. */
const PRESETS: readonly (readonly [name: string, file: string, resize: number, crop: number])[] = [
  ['Inception_V3_Weights.IMAGENET1K_V1', 'inception_v3_google-0cc3c7bd', 342, 299],
  ['ResNet18_Weights.IMAGENET1K_V1', 'resnet18-f37072fd', 256, 224],
  ['ResNet34_Weights.IMAGENET1K_V1', 'resnet34-b627a593', 256, 224],
  ['ResNet50_Weights.IMAGENET1K_V1', 'resnet50-0676ba61', 256, 224],
  ['ResNet50_Weights.IMAGENET1K_V2', 'resnet50-11ad3fa6', 232, 224],
  ['ResNet101_Weights.IMAGENET1K_V1', 'resnet101-63fe2227', 256, 224],
  ['ResNet101_Weights.IMAGENET1K_V2', 'resnet101-cd907fc2', 232, 224],
  ['ResNet152_Weights.IMAGENET1K_V1', 'resnet152-394f9c45', 256, 224],
  ['ResNet152_Weights.IMAGENET1K_V2', 'resnet152-f82ba261', 232, 224],
  ['VGG11_Weights.IMAGENET1K_V1', 'vgg11-8a719046', 256, 224],
  ['VGG11_BN_Weights.IMAGENET1K_V1', 'vgg11_bn-6002323d', 256, 224],
  ['VGG13_Weights.IMAGENET1K_V1', 'vgg13-19584684', 256, 224],
  ['VGG13_BN_Weights.IMAGENET1K_V1', 'vgg13_bn-abd245e5', 256, 224],
  ['VGG16_Weights.IMAGENET1K_V1', 'vgg16-397923af', 256, 224],
  ['VGG16_BN_Weights.IMAGENET1K_V1', 'vgg16_bn-6c64b313', 256, 224],
  ['VGG19_Weights.IMAGENET1K_V1', 'vgg19-dcbb9e9d', 256, 224],
  ['VGG19_BN_Weights.IMAGENET1K_V1', 'vgg19_bn-c79401a0', 256, 224],
  ['Wide_ResNet50_2_Weights.IMAGENET1K_V1', 'wide_resnet50_2-95faca4d', 256, 224],
  ['Wide_ResNet50_2_Weights.IMAGENET1K_V2', 'wide_resnet50_2-9ba9bcbe', 232, 224],
  ['Wide_ResNet101_2_Weights.IMAGENET1K_V1', 'wide_resnet101_2-32ee1156', 256, 224],
  ['Wide_ResNet101_2_Weights.IMAGENET1K_V2', 'wide_resnet101_2-d733dc28', 232, 224],
];

const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const HALF = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };

const INSIDE =
  "torchvision's preset gives ImageNet's mean and deviation, which the network turns into 0.5 by itself (transform_input): here the pixels get 0.5 at once";

/** @param wanted the name of weights, or the name of a file without its end; null if torchvision has none such */
export function torchvisionPreset(wanted: string): PublishedPreprocessing | null {
  const found = PRESETS.find(([name, file]) => name === wanted || file === wanted);
  if (!found) return null;
  const [name, , resize, crop] = found;
  const turned = name.startsWith('Inception');
  const { mean, std } = turned ? HALF : IMAGENET;
  return {
    source: `torchvision's (${name})`,
    resize,
    crop,
    interpolation: 'bilinear',
    mean: on255(mean),
    std: on255(std),
    notes: turned ? [INSIDE] : [],
  };
}

export const PRESET_NAMES = PRESETS.map(([name]) => name);
