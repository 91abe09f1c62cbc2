import type { ResolvedLoss, TrunkLayer } from './ranges.js';

/**
 * One micro-batch as an ordered list of actions. Outputs are named by the layer that made them (`input` for the
 * images), signals by their loss until they enter the trunk at its tap, then by where they end: the lowest layer
 * that they train.
 */
export type Action =
  | { do: 'forward'; layer: string; from: string }
  /** Softmax cross-entropy of a head's last output; starts the signal named after the loss. */
  | { do: 'loss'; loss: string; logits: string }
  /** `carry[i]`: whether `signals[i]` goes on below; `parameters`: one gradient of the signals' sum. */
  | { do: 'backward'; layer: string; signals: string[]; carry: boolean[]; parameters: boolean }
  /** A head's signal enters the trunk: it is added to the signal that ends at the same layer, or becomes it. */
  | { do: 'join'; signal: string; into: string }
  /** The output of a layer has no forward pass left that reads it. */
  | { do: 'free'; output: string }
  /** What a layer kept for its backward pass is needed no more. */
  | { do: 'free'; saved: string };

/** A head: its loss, and its layers from the tap to the logits. */
export interface Head {
  readonly loss: string;
  readonly layers: readonly { readonly name: string; readonly trainable: boolean }[];
}

export interface StepPlan {
  /** Done once for each micro-batch; parameter gradients add up over micro-batches. */
  readonly microBatch: readonly Action[];
  /** Layers whose parameters are then updated, in this order. */
  readonly update: readonly string[];
}

/**
 * Orders one training step (paper, §3).
 *
 * Forward up the trunk; at each tap the head runs forward and, its loss known, at once backward, so that only its
 * signal stays. Then down the trunk with one signal per distinct range bottom: a head's signal joins at its tap,
 * each layer takes one parameter gradient on the sum of the signals present, and a signal ends at the bottom of its
 * range.
 */
export function planStep(
  trunk: readonly TrunkLayer[],
  losses: readonly ResolvedLoss[],
  heads: readonly Head[],
): StepPlan {
  const top = Math.max(...losses.map((loss) => loss.tap));
  const lowest = Math.min(...losses.map((loss) => loss.reach ?? Number.POSITIVE_INFINITY));
  const actions: Action[] = [];
  let from = 'input';
  for (let at = 0; at <= top; at++) {
    const layer = trunk[at]!.name;
    actions.push({ do: 'forward', layer, from });
    if (from !== 'input') actions.push({ do: 'free', output: from });
    if (bottomsPresent(losses, at).length === 0) actions.push({ do: 'free', saved: layer });
    for (const loss of losses.filter((candidate) => candidate.tap === at)) {
      actions.push(...headActions(loss, headOf(heads, loss.name), layer));
    }
    from = layer;
  }
  actions.push({ do: 'free', output: from });
  for (let at = top; at >= lowest; at--) {
    const layer = trunk[at]!;
    for (const { name, tap, reach } of losses) {
      if (tap === at && reach !== null) {
        actions.push({ do: 'join', signal: name, into: trunk[reach]!.name });
      }
    }
    const present = bottomsPresent(losses, at);
    if (present.length === 0) continue;
    actions.push({
      do: 'backward',
      layer: layer.name,
      signals: present.map((bottom) => trunk[bottom]!.name),
      carry: present.map((bottom) => bottom < at),
      parameters: layer.trainable,
    });
    actions.push({ do: 'free', saved: layer.name });
  }
  const trained = trunk.filter(
    (layer, at) => layer.trainable && bottomsPresent(losses, at).length > 0,
  );
  const inHeads = heads
    .filter((head) => losses.some((loss) => loss.name === head.loss))
    .flatMap((head) => head.layers.filter((layer) => layer.trainable));
  return { microBatch: actions, update: [...trained, ...inHeads].map((layer) => layer.name) };
}

/** The distinct range bottoms of the losses whose signal passes trunk layer `at`, from the highest down. */
function bottomsPresent(losses: readonly ResolvedLoss[], at: number): number[] {
  const bottoms = losses.flatMap(({ tap, reach }) =>
    reach !== null && tap >= at && reach <= at ? [reach] : [],
  );
  return [...new Set(bottoms)].sort((a, b) => b - a);
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
