import { describeEngine, type Trial } from '../engine/engine.js';
import { installNative } from '../engine/install.js';
import { type BackendStatus, engineStatus } from '../engine/status.js';

/** `relaybp engine install`: what to say at the end. */
export async function engineInstallCommand(
  options: { cuda: boolean; force: boolean; dir?: string },
  log: (line: string) => void,
): Promise<string> {
  const { location } = await installNative({ ...options, log });
  const { openNativeEngine } = await import('../engine/native/open.js');
  const { trials } = await openNativeEngine(location, { precision: 'bf16' });
  for (const trial of trials) log(describeTrial(trial));
  return `the native engine is ready in ${location.directory}`;
}

/** `relaybp engine status`: the text to print. */
export async function engineStatusCommand(options: {
  dir?: string;
  json: boolean;
}): Promise<string> {
  const status = await engineStatus(options);
  if (options.json) return JSON.stringify(status);
  const { cpu, node, auto, root } = status;
  const variables = Object.entries(status.environment).map((pair) => pair.join('='));
  const sets = Array.isArray(cpu.instructionSets)
    ? cpu.instructionSets.join(' ')
    : cpu.instructionSets;
  return [
    ...status.engines.flatMap((engine) => [
      describe(engine),
      ...engine.trials.map((trial) => `         ${describeTrial(trial)}`),
    ]),
    `auto     takes ${auto ?? 'none: no engine works here'}`,
    `folder   ${root}`,
    `cpu      ${cpu.model}, ${cpu.cores} cores, ${sets}`,
    `node     ${node}`,
    ...(variables.length > 0 ? [`env      ${variables.join(' ')}`] : []),
  ].join('\n');
}

function describe({ name, works, info, problem, directory }: BackendStatus): string {
  if (!works) return `${name.padEnd(8)} does not work: ${problem}`;
  return `${name.padEnd(8)} works: ${describeEngine(info!)}${directory ? `, in ${directory}` : ''}`;
}

function describeTrial({ what, type, problem, instead }: Trial): string {
  const tried = `tried in ${type}: ${what}: `;
  return tried + (problem === null ? 'used' : `not used, as ${problem}. In its place: ${instead}`);
}
