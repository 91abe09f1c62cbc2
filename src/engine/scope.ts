import type { Engine, Tensor } from './engine.js';

/**
 * Ownership over several operations, any of which may throw: what was made before it is then given up, so that a
 * failed operation, for want of memory say, leaves no tensor behind. `H` is how a tensor is held.
 */
export class Scope<H = Tensor> {
  private readonly temporaries: H[] = [];
  private readonly results: H[] = [];
  private readonly undos: (() => void)[] = [];

  constructor(private readonly engine: { dispose(handle: H): void }) {}

  /** Takes over `t`, which is given up at the end of the scope, or by `free` before that. */
  temporary<T extends H>(t: T): T {
    this.temporaries.push(t);
    return t;
  }

  /** Gives up a temporary now. */
  free(t: H): void {
    take(this.temporaries, t);
    this.engine.dispose(t);
  }

  /** What the scope is for: `t` is given up only if something throws before the end. */
  result<T extends H>(t: T): T {
    this.results.push(t);
    return t;
  }

  /** Done only if something throws before the end. */
  undo(action: () => void): void {
    this.undos.push(action);
  }

  /** For `within`. */
  close(failed: boolean): void {
    for (const t of this.temporaries) this.engine.dispose(t);
    if (!failed) return;
    for (const t of this.results) this.engine.dispose(t);
    for (const action of this.undos) action();
  }
}

function take<H>(tensors: H[], t: H): void {
  const at = tensors.lastIndexOf(t);
  if (at < 0) throw new Error('the scope does not own this tensor');
  tensors.splice(at, 1);
}

/** Runs `body`, and gives up what its scope holds when it is done or throws. */
export function inScope<T>(engine: Pick<Engine, 'dispose'>, body: (scope: Scope) => T): T {
  return within(new Scope(engine), body);
}

/** As `inScope`, for a scope of one's own. */
export function within<S extends Pick<Scope, 'close'>, T>(scope: S, body: (scope: S) => T): T {
  let failed = true;
  try {
    const result = body(scope);
    failed = false;
    return result;
  } finally {
    scope.close(failed);
  }
}
