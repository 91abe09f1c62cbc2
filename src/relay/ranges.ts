import { ConfigError } from '../errors.js';

/** A trunk layer as ranges see it, listed from input to output. */
export interface TrunkLayer {
  readonly name: string;
  readonly segment: string;
  /** Has parameters that are to be trained: not frozen, and not a pooling layer and the like. */
  readonly trainable: boolean;
  readonly frozen: boolean;
}

/** A loss as the config states it, at some time of the training. */
export interface LossRange {
  readonly name: string;
  readonly after: string;
  readonly weight: number;
  /** `downTo` a segment or a layer, or at most so many `layers`; without it the whole trunk below the tap. */
  readonly range?: { readonly downTo?: string | undefined; readonly layers?: number | undefined };
  /** Where it is in the config; without it, at its place in the list. */
  readonly path?: { readonly loss: Path; readonly range: Path };
}

type Path = readonly (string | number)[];

/** What else is known of the losses of a time. */
export interface RangeOptions {
  /** Names of segments and layers that need not lie in a range. */
  readonly resting?: readonly string[];
  /** When that is, for messages, where there are several times: `from 20 epochs on`. */
  readonly when?: string;
}

/** A loss with its tap and range found in the trunk. Indices count trunk layers from the input, 0 first. */
export interface ResolvedLoss {
  readonly name: string;
  readonly weight: number;
  /** The head reads this trunk layer's output. */
  readonly tap: number;
  /** The lowest trunk layer of the range; `tap + 1` if the range holds no trunk layer. */
  readonly bottom: number;
  /** Where the signal may stop: the lowest *trainable* layer of the range, null if there is none. */
  readonly reach: number | null;
}

/**
 * Finds every loss's tap and range, and checks the rules of the method.
 *
 * @throws ConfigError with the key path, and a table of segments and losses where it helps.
 */
export function resolveRanges(
  trunk: readonly TrunkLayer[],
  losses: readonly LossRange[],
  { resting = [], when }: RangeOptions = {},
): ResolvedLoss[] {
  const resolved = losses.map((loss, i) => {
    const { path = { loss: ['losses', i], range: ['losses', i, 'range'] } } = loss;
    return resolveLoss(trunk, loss, path);
  });
  if (!resolved.some((loss) => loss.tap === trunk.length - 1)) {
    throw new ConfigError(
      [
        `no loss reads the end of the trunk (after: ${trunk.at(-1)?.segment}): the network would have no output`,
        ...rangeTable(trunk, resolved),
      ],
      `let one loss have after: ${trunk.at(-1)?.segment}`,
      ['losses'],
    );
  }
  const idle = idleLayers(trunk, resolved).filter(
    ({ name, segment }) => !resting.includes(name) && !resting.includes(segment),
  );
  if (idle.length > 0) {
    const what = `no loss trains ${idle.map((layer) => layer.name).join(', ')}`;
    throw new ConfigError(
      [
        `${when === undefined ? '' : `${when} `}${what}: every layer with parameters must lie in the range of some loss`,
        ...rangeTable(trunk, resolved),
      ],
      when === undefined
        ? 'extend a range (downTo), or set frozen: true on the segment or layer'
        : `extend a range (downTo); or write resting: [${[...resting, ...placesOf(trunk, idle)].join(', ')}], if these are not to be trained then`,
      ['losses'],
    );
  }
  return resolved;
}

/** The layers to be trained that no loss trains. */
export function idleLayers<T extends TrunkLayer>(
  trunk: readonly T[],
  losses: readonly ResolvedLoss[],
): T[] {
  return trunk.filter((layer, at) => layer.trainable && !losses.some((loss) => inRange(loss, at)));
}

/** Segments where all layers to be trained are among them, else the layers. */
function placesOf(trunk: readonly TrunkLayer[], layers: readonly TrunkLayer[]): string[] {
  const places = layers.map(({ name, segment }) => {
    const all = trunk.filter((layer) => layer.segment === segment && layer.trainable);
    return all.every((layer) => layers.includes(layer)) ? segment : name;
  });
  return [...new Set(places)];
}

/** The loss whose head is the network's output: the first that reads the end of the trunk. */
export function primaryLoss<L extends { readonly tap: number }>(losses: readonly L[]): L {
  const top = Math.max(...losses.map((loss) => loss.tap));
  return losses.find((loss) => loss.tap === top)!;
}

export function inRange(loss: ResolvedLoss, layer: number): boolean {
  return layer >= loss.bottom && layer <= loss.tap;
}

function resolveLoss(
  trunk: readonly TrunkLayer[],
  loss: LossRange,
  path: NonNullable<LossRange['path']>,
): ResolvedLoss {
  const tap = tapOf(trunk, loss.after);
  if (tap < 0) {
    throw new ConfigError(
      `"${loss.after}" is neither a segment nor a layer of the trunk`,
      `one of: ${placeNames(trunk)}`,
      [...path.loss, 'after'],
    );
  }
  const bottom = bottomOf(trunk, loss, tap, [...path.range, 'downTo']);
  const reach = trunk.findIndex((layer, at) => at >= bottom && at <= tap && layer.trainable);
  return { name: loss.name, weight: loss.weight, tap, bottom, reach: reach < 0 ? null : reach };
}

function bottomOf(trunk: readonly TrunkLayer[], loss: LossRange, tap: number, path: Path): number {
  const { downTo, layers } = loss.range ?? {};
  if (layers !== undefined) return Math.max(0, tap + 1 - layers);
  if (downTo === undefined) return 0;
  const bottom = trunk.findIndex((layer) => layer.segment === downTo || layer.name === downTo);
  if (bottom < 0) {
    throw new ConfigError(
      `"${downTo}" is neither a segment nor a layer of the trunk`,
      `one of: ${placeNames(trunk)}`,
      path,
    );
  }
  if (bottom > tap) {
    throw new ConfigError(
      `the range of loss "${loss.name}" ends at ${downTo}, above its tap (after: ${loss.after}): a range lies below its tap`,
      'name a segment or layer at or below the tap',
      path,
    );
  }
  return bottom;
}

/** Where a head reads: the last layer of a segment, or the layer itself; -1 if there is none of that name. */
export function tapOf(trunk: readonly TrunkLayer[], place: string): number {
  return trunk.findLastIndex((layer) => layer.segment === place || layer.name === place);
}

function placeNames(trunk: readonly TrunkLayer[]): string {
  return [
    ...new Set(trunk.map((layer) => layer.segment)),
    ...trunk.map((layer) => layer.name),
  ].join(', ');
}

/**
 * Segments from output to input, and what each loss does there: `tap`, `|` trained, `+` partly trained, `.` none.
 */
export function rangeTable(
  trunk: readonly TrunkLayer[],
  losses: readonly ResolvedLoss[],
): string[] {
  const segments = [...new Set(trunk.map((layer) => layer.segment))].reverse();
  const width = Math.max(7, ...segments.map((segment) => segment.length));
  const columns = losses.map((loss) => loss.name);
  const rows = segments.map((segment) => {
    const members = trunk.flatMap((layer, i) => (layer.segment === segment ? [i] : []));
    const cells = losses.map((loss, i) => {
      const covered = members.filter((at) => inRange(loss, at)).length;
      const mark = covered === 0 ? '.' : covered === members.length ? '|' : '+';
      return (members.includes(loss.tap) ? `${mark} tap` : mark).padEnd(columns[i]!.length);
    });
    const frozen = members.every((at) => trunk[at]!.frozen) ? '  (frozen)' : '';
    return `  ${segment.padEnd(width)}  ${cells.join('  ')}${frozen}`.trimEnd();
  });
  return [`  ${'segment'.padEnd(width)}  ${columns.join('  ')}`, ...rows];
}
