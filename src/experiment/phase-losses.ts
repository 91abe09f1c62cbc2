import type { ExperimentConfig } from '../config/experiment-schema.js';
import { ConfigError } from '../errors.js';
import { nearest } from '../near.js';
import {
  idleLayers,
  type ResolvedLoss,
  resolveRanges,
  type TrunkLayer,
  tapOf,
} from '../relay/ranges.js';
import { type Phase, phasesOf } from './phases.js';

type Config = Pick<ExperimentConfig, 'losses' | 'resting'>;

/** The losses of each phase with their ranges in the trunk. @throws ConfigError where they break a rule of the method */
export function lossesByPhase(
  config: Config,
  trunk: readonly TrunkLayer[],
): (Omit<Phase, 'losses'> & { losses: ResolvedLoss[] })[] {
  const { losses, resting } = config;
  checkResting(config, trunk);
  const phases = phasesOf(losses);
  checkOutput(config, trunk, phases);
  const resolved = phases.map((phase) => {
    const { when } = phase;
    const options = when === undefined ? { resting } : { resting, when };
    return { ...phase, losses: resolveRanges(trunk, phase.losses, options) };
  });
  const idle = resolved.map((phase) => idleLayers(trunk, phase.losses));
  const never = idle[0]!.filter((layer) => idle.every((layers) => layers.includes(layer)));
  if (never.length > 0) {
    throw new ConfigError(
      `no loss ever trains ${never.map(({ name }) => name).join(', ')}: layers that rest do so for a part of the training`,
      'extend a range (downTo), or set frozen: true on the segment or layer',
      ['resting'],
    );
  }
  return resolved;
}

/** The loss whose head is the network's output has to be on: evaluations and the best checkpoint go by it. */
function checkOutput(
  { losses }: Config,
  trunk: readonly TrunkLayer[],
  phases: readonly Phase[],
): void {
  const at = losses.findIndex(({ after }) => tapOf(trunk, after) === trunk.length - 1);
  if (at < 0) return; // resolving says so
  const { name } = losses[at]!;
  const without = phases.find((phase) => !phase.losses.some((loss) => loss.name === name));
  if (!without) return;
  throw new ConfigError(
    `the loss "${name}" is off${without.when === undefined ? '' : ` ${without.when}`}, but its head is the network's output`,
    'leave enabled out; to train layers below without it let its range be {layers: 0} for that time',
    ['losses', at, 'enabled'],
  );
}

function checkResting({ resting }: Config, trunk: readonly TrunkLayer[]): void {
  const places = [...new Set(trunk.flatMap(({ segment, name }) => [segment, name]))];
  for (const [i, name] of resting.entries()) {
    if (places.includes(name)) continue;
    const near = nearest(name, places);
    throw new ConfigError(
      `"${name}" is neither a segment nor a layer of the trunk`,
      `${near === undefined ? '' : `did you mean "${near}"? `}One of: ${places.join(', ')}`,
      ['resting', i],
    );
  }
}
