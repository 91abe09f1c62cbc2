import { InvalidArgumentError, Option } from '@commander-js/extra-typings';
import { EVAL_DEFAULTS } from '../commands/defaults.js';
import { AVERAGES } from '../eval/protocol.js';

/** Options of the commands that run a network by a test protocol. */

export const EMA = ['--ema', 'with the moving average of the weights', false] as const;

export const multiscaleOption = () =>
  new Option(
    '--multiscale [sides]',
    'whole image, fully convolutional, at several shorter sides, for instance 224,256',
  ).argParser(sideList);

export const TEN_CROP = ['--ten-crop', 'corners, centre and their mirror images'] as const;

export const FLIP = ['--flip', 'also the mirror image'] as const;

export const averageOption = () =>
  new Option('--average <what>', "what is averaged over an image's inputs")
    .choices(AVERAGES)
    .default(EVAL_DEFAULTS.average);

function sideList(text: string): number[] {
  if (!/^[1-9]\d*(,[1-9]\d*)*$/.test(text)) {
    throw new InvalidArgumentError(
      'shorter sides in pixels are needed, for instance 224,256; name the run before this option',
    );
  }
  return text.split(',').map(Number);
}
