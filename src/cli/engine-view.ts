import { describeEngine, type Trial } from '../engine/engine.js';
import type { BackendStatus, EngineStatus } from '../engine/status.js';

/** Which engines work here, for people. */
export function engineStatusLines(status: EngineStatus): string[] {
  const { cpu, node, auto, root, engines } = status;
  const variables = Object.entries(status.environment).map((pair) => pair.join('='));
  const sets = Array.isArray(cpu.instructionSets)
    ? cpu.instructionSets.join(' ')
    : cpu.instructionSets;
  return [
    ...engines.flatMap((engine) => [
      describe(engine),
      ...trialLines(engine.trials).map((line) => `         ${line}`),
    ]),
    `auto     takes ${auto ?? 'none: no engine works here'}`,
    `folder   ${root}`,
    `cpu      ${cpu.model}, ${cpu.cores} cores, ${sets}`,
    `node     ${node}`,
    ...(variables.length > 0 ? [`env      ${variables.join(' ')}`] : []),
  ];
}

function describe({ name, works, info, problem, directory }: BackendStatus): string {
  if (!works) return `${name.padEnd(8)} does not work: ${problem}`;
  return `${name.padEnd(8)} works: ${describeEngine(info!)}${directory ? `, in ${directory}` : ''}`;
}

/** What was tried of an engine, for people. */
export const trialLines = (trials: readonly Trial[]): string[] =>
  trials.map(({ what, type, problem, instead }) => {
    const tried = `tried in ${type}: ${what}: `;
    return (
      tried + (problem === null ? 'used' : `not used, as ${problem}. In its place: ${instead}`)
    );
  });
