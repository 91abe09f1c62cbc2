import type { ResolvedLoss, TrunkLayer } from './ranges.js';

/**
 * One micro-batch as an ordered list of actions. Outputs are named by the layer that made them (`input` for the
 * images), signals by their loss until they enter the trunk at its tap, then by where they end: the lowest layer
 * that they train.
 */
export type Action =
  | { do: 'forward'; layer: string; from: string }
  /** Forward once more through these layers, for what each keeps for its way back; their outputs go at once. */
  | { do: 'recompute'; layers: string[]; from: string }
  /** Softmax cross-entropy of a head's last output; starts the signal named after the loss. */
  | { do: 'loss'; loss: string; logits: string }
  /**
   * `carry[i]`: whether `signals[i]` goes on below; `parameters`: one gradient of the sum of these signals and of
   * those that went through `early`. `more`: other signals, which stay apart, come through after them.
   */
  | Backward
  /** As `backward`, but other signals are still to come: with `parameters` these wait for the sum. */
  | { do: 'early'; layer: string; signals: string[]; carry: boolean[]; parameters: boolean }
  /** A head's signal enters the trunk: it is added to the signal that ends at the same layer, or becomes it. */
  | { do: 'join'; signal: string; into: string }
  /** The output of a layer has no forward pass left that reads it. */
  | { do: 'free'; output: string }
  /** What a layer kept for its backward pass is needed no more, or is to be computed again. */
  | { do: 'free'; saved: string };

export interface Backward {
  do: 'backward';
  layer: string;
  signals: string[];
  carry: boolean[];
  parameters: boolean;
  more?: boolean;
}

/** A head: its loss, and its layers from the tap to the logits. */
export interface Head {
  readonly loss: string;
  readonly layers: readonly { readonly name: string; readonly trainable: boolean }[];
}

export interface StepPlan {
  /** Done once for each micro-batch; parameter gradients add up over micro-batches. */
  readonly microBatch: readonly Action[];
  /** Layers whose parameters are updated. */
  readonly update: readonly string[];
}

export interface StepOptions {
  /**
   * A signal goes down as soon as it is whole, before the layers above its tap have run: what lies below the other
   * ranges is done and freed by then. Otherwise all signals wait for the last loss. The arithmetic is the same.
   */
  readonly early?: boolean;
  /** Segments that keep nothing for their way back but their input, and run forward once more when it is due. */
  readonly recompute?: readonly string[];
  /**
   * For measuring: every loss keeps a signal of its own, named after it, and each layer takes a gradient of each. Not
   * to be had together with `early`.
   */
  readonly apart?: boolean;
}

/**
 * Orders one training step (paper, §3).
 *
 * Forward up the trunk; at each tap the head runs forward and, its loss known, at once backward, so that only its
 * signal stays. Down the trunk goes one signal per distinct range bottom: a head's signal joins at its tap, each
 * layer takes one parameter gradient on the sum of the signals that pass it, and a signal ends at the bottom of its
 * range.
 */
export function planStep(
  trunk: readonly TrunkLayer[],
  losses: readonly ResolvedLoss[],
  heads: readonly Head[],
  { early = false, recompute = [], apart = false }: StepOptions = {},
): StepPlan {
  const top = Math.max(...losses.map((loss) => loss.tap));
  const signals = apart ? signalsApart(losses) : signalsOf(trunk, losses);
  const blocks = blocksOf(trunk, losses, signals, recompute);
  const actions: Action[] = [];
  const down = (ready: readonly Signal[]): void => {
    actions.push(...descend({ trunk, losses, signals, blocks, apart }, ready));
  };
  let from = 'input';
  for (let at = 0; at <= top; at++) {
    const layer = trunk[at]!.name;
    actions.push({ do: 'forward', layer, from });
    const block = blocks.find(({ lowest, highest }) => at >= lowest && at <= highest);
    if (from !== 'input' && block?.lowest !== at) actions.push({ do: 'free', output: from });
    if (block || passing(signals, at).length === 0) actions.push({ do: 'free', saved: layer });
    for (const loss of losses.filter((candidate) => candidate.tap === at)) {
      actions.push(...headActions(loss, headOf(heads, loss.name), layer));
    }
    if (at === top) actions.push({ do: 'free', output: layer });
    if (early) down(signals.filter((signal) => signal.top === at));
    from = layer;
  }
  if (!early) down(signals);
  const trained = trunk.filter((layer, at) => layer.trainable && passing(signals, at).length > 0);
  const inHeads = heads
    .filter((head) => losses.some((loss) => loss.name === head.loss))
    .flatMap((head) => head.layers.filter((layer) => layer.trainable));
  return { microBatch: actions, update: [...trained, ...inHeads].map((layer) => layer.name) };
}

/** What travels down the trunk: the gradient of all losses whose ranges end at the same layer, or of one of them. */
interface Signal {
  readonly name: string;
  readonly losses: readonly string[];
  readonly bottom: number;
  /** The highest tap of those losses: there it begins. */
  readonly top: number;
}

/** In the order in which they are whole, which is also the order of their sum. */
function signalsOf(trunk: readonly TrunkLayer[], losses: readonly ResolvedLoss[]): Signal[] {
  const bottoms = new Set(losses.flatMap(({ reach }) => (reach === null ? [] : [reach])));
  return [...bottoms]
    .map((bottom) => {
      const members = losses.filter(({ reach }) => reach === bottom);
      const top = Math.max(...members.map(({ tap }) => tap));
      return { name: trunk[bottom]!.name, losses: members.map(({ name }) => name), bottom, top };
    })
    .sort((a, b) => a.top - b.top || b.bottom - a.bottom);
}

/** Of each loss its own. */
function signalsApart(losses: readonly ResolvedLoss[]): Signal[] {
  return losses.flatMap(({ name, tap, reach }) =>
    reach === null ? [] : [{ name, losses: [name], bottom: reach, top: tap }],
  );
}

/** The signals that pass trunk layer `at`, or end there. */
function passing(signals: readonly Signal[], at: number): Signal[] {
  return signals.filter(({ bottom, top }) => bottom <= at && at <= top);
}

/** Consecutive trunk layers that are computed again together, from the input of the lowest. */
interface Block {
  readonly lowest: number;
  readonly highest: number;
}

/** The layers of each segment that signals pass; cut at taps, where a signal may come before the layers above ran. */
function blocksOf(
  trunk: readonly TrunkLayer[],
  losses: readonly ResolvedLoss[],
  signals: readonly Signal[],
  recompute: readonly string[],
): Block[] {
  const blocks: Block[] = [];
  trunk.forEach(({ segment }, at) => {
    if (!recompute.includes(segment) || passing(signals, at).length === 0) return;
    const last = blocks.at(-1);
    const goesOn =
      last?.highest === at - 1 &&
      trunk[at - 1]!.segment === segment &&
      !losses.some(({ tap }) => tap === at - 1);
    if (goesOn) blocks[blocks.length - 1] = { ...last, highest: at };
    else blocks.push({ lowest: at, highest: at });
  });
  return blocks;
}

interface Descent {
  readonly trunk: readonly TrunkLayer[];
  readonly losses: readonly ResolvedLoss[];
  /** All of the step. */
  readonly signals: readonly Signal[];
  readonly blocks: readonly Block[];
  readonly apart: boolean;
}

/** Sends signals down from their tops; other signals of the same layers came before or are still to come. */
function descend(
  { trunk, losses, signals, blocks, apart }: Descent,
  ready: readonly Signal[],
): Action[] {
  const actions: Action[] = [];
  const top = Math.max(...ready.map((signal) => signal.top));
  for (let at = top; at >= 0; at--) {
    const { name: layer, trainable } = trunk[at]!;
    for (const { name, tap } of losses) {
      const into = ready.find((signal) => signal.losses.includes(name));
      if (tap !== at || !into || into.name === name) continue;
      actions.push({ do: 'join', signal: name, into: into.name });
    }
    const arriving = passing(ready, at);
    if (arriving.length === 0) continue;
    const all = passing(signals, at);
    const first = all.every((signal) => signal.top >= arriving[0]!.top);
    const block = blocks.find(({ highest }) => highest === at);
    if (block && first) {
      const layers = trunk.slice(block.lowest, at + 1).map(({ name }) => name);
      const from = trunk[block.lowest - 1]?.name ?? 'input';
      actions.push({ do: 'recompute', layers, from });
      if (from !== 'input') actions.push({ do: 'free', output: from });
    }
    const toCome = all.some((signal) => signal.top > top);
    const through = (some: readonly Signal[]) => ({
      layer,
      signals: some.map(({ name }) => name),
      carry: some.map(({ bottom }) => bottom < at),
      parameters: trainable,
    });
    if (toCome) actions.push({ do: 'early', ...through(arriving) });
    else if (!apart) actions.push({ do: 'backward', ...through(arriving) });
    else {
      arriving.forEach((signal, i) => {
        const more = i < arriving.length - 1 ? { more: true } : {};
        actions.push({ do: 'backward', ...through([signal]), ...more });
      });
    }
    if (!toCome) actions.push({ do: 'free', saved: layer });
  }
  return actions;
}

function headOf(heads: readonly Head[], loss: string): Head {
  const head = heads.find((candidate) => candidate.loss === loss);
  if (!head) throw new Error(`no head for loss "${loss}"`);
  return head;
}

function headActions(loss: ResolvedLoss, head: Head, tap: string): Action[] {
  const actions: Action[] = [];
  let from = tap;
  for (const { name } of head.layers) {
    actions.push({ do: 'forward', layer: name, from });
    if (from !== tap) actions.push({ do: 'free', output: from });
    from = name;
  }
  actions.push({ do: 'loss', loss: loss.name, logits: from }, { do: 'free', output: from });
  const lowest = loss.reach !== null ? 0 : lowestTrainable(head);
  for (let i = head.layers.length - 1; i >= 0; i--) {
    const { name, trainable } = head.layers[i]!;
    if (i >= lowest) {
      const carry = i > lowest || loss.reach !== null;
      actions.push({
        do: 'backward',
        layer: name,
        signals: [loss.name],
        carry: [carry],
        parameters: trainable,
      });
    }
    actions.push({ do: 'free', saved: name });
  }
  return actions;
}

/** Below this layer of a head nothing learns from its loss; past the end if the head has nothing to train. */
function lowestTrainable(head: Head): number {
  const lowest = head.layers.findIndex((layer) => layer.trainable);
  return lowest < 0 ? head.layers.length : lowest;
}
