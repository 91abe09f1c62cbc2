/** Runs tests on every engine, each with a leak check. */
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Engine } from '../../src/engine/engine.js';
import { engineRoot, locateNative } from '../../src/engine/locate.js';
import { openEngine } from '../../src/engine/select.js';

/**
 * Registers the tests once per engine. Where the native engine is not installed its tests are declared skipped, or
 * fail if RELAYBP_REQUIRE_NATIVE=1.
 *
 * @param register receives the engine's name, and gives it out once the tests run
 */
export function onEveryEngine(register: (engine: () => Engine, name: string) => void): void {
  onEngine('wasm', register);
  const missing = `the native engine is not installed in ${engineRoot()}: relaybp engine install`;
  if (locateNative()) onEngine('native', register);
  else if (process.env.RELAYBP_REQUIRE_NATIVE === '1') {
    test('the native engine is installed', () => expect.fail(missing));
  } else test.skip(`engine native (skipped: ${missing})`, () => {});
}

function onEngine(
  name: 'wasm' | 'native',
  register: (engine: () => Engine, name: string) => void,
): void {
  describe(`engine ${name}`, () => {
    let engine: Engine;
    let before: number;
    beforeAll(async () => {
      engine = await openEngine(name);
    });
    beforeEach(() => {
      before = engine.tensorCount();
    });
    afterEach(() => {
      expect(engine.tensorCount(), 'tensors alive after the test').toBe(before);
    });
    register(() => engine, name);
  });
}
