import { type Command, InvalidArgumentError, Option } from '@commander-js/extra-typings';
import { EVAL_DEFAULTS } from '../commands/defaults.js';
import { AVERAGES } from '../eval/protocol.js';
import { checkpointOption, engineOption, positiveInteger, precisionOption } from './common.js';

/** Options of every command that runs a network: which, on what engine, by which test protocol. */
export const withProtocol = (command: Command) =>
  command
    .addOption(engineOption())
    .addOption(precisionOption())
    .addOption(checkpointOption())
    .option('--ema', 'with the moving average of the weights', false)
    .option('--batch-size <n>', 'images at a time', positiveInteger)
    .addOption(
      new Option(
        '--multiscale [sides]',
        'whole image, fully convolutional, at several shorter sides, for instance 224,256',
      ).argParser(sideList),
    )
    .option('--ten-crop', 'corners, centre and their mirror images')
    .option('--flip', 'also the mirror image')
    .addOption(
      new Option('--average <what>', "what is averaged over an image's inputs")
        .choices(AVERAGES)
        .default(EVAL_DEFAULTS.average),
    );

function sideList(text: string): number[] {
  if (!/^[1-9]\d*(,[1-9]\d*)*$/.test(text)) {
    throw new InvalidArgumentError(
      'shorter sides in pixels are needed, for instance 224,256; name the run before this option',
    );
  }
  return text.split(',').map(Number);
}
