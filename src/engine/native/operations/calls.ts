import type { ElementType, OpAttribute } from '../runtime/binding.js';
import type { WindowPlan } from './window-padding.js';

/** How a convolution is called: a window plan with the attributes that all three operations share. */
export interface ConvCall extends WindowPlan {
  readonly attributes: readonly OpAttribute[];
  /** Winograd's form is taken, which adds all padding itself; `attributes` are its own then. */
  readonly winograd: boolean;
}

/** How a pooling is called: a window plan with what its operations share. */
export interface PoolCall extends WindowPlan {
  readonly kind: 'max' | 'average' | 'oneDNN max';
  /** In which the maximum or average is taken; the maps may be stored in a narrower one. */
  readonly type: ElementType;
  readonly attributes: readonly OpAttribute[];
  /** Average only: the constant `[1, oh, ow, 1]` that corrects the divisor, or null where it is right. */
  readonly correction: number | null;
}
