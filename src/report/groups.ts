import type { RunGroup, RunReport } from './page-data.js';

/** Settings that runs of a group may differ in. */
const FREE = new Set(['seed', 'name']);

type Run = Pick<RunReport, 'label' | 'settings'>;

/**
 * Runs whose configs differ by seed alone, and those that are alone, in the order in which they begin. A run with a
 * seed that its group has already, the same training once more, is none of its seeds: it begins another group.
 */
export function groupsOf(runs: readonly Run[]): RunGroup[] {
  const groups: { runs: number[]; key: string; seeds: Set<string | undefined> }[] = [];
  runs.forEach(({ settings }, i) => {
    const key = JSON.stringify(
      Object.entries(settings)
        .filter(([name]) => !FREE.has(name))
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    );
    const { seed } = settings;
    const group = groups.find((one) => one.key === key && !one.seeds.has(seed));
    if (group) {
      group.runs.push(i);
      group.seeds.add(seed);
    } else groups.push({ runs: [i], key, seeds: new Set([seed]) });
  });
  const labels = labelsOf(groups.map((group) => group.runs.map((i) => runs[i]!)));
  return groups.map((group, i) => ({ label: labels[i]!, runs: group.runs }));
}

/** What the labels of a group's runs begin with, else its config's name; with a number where another has it too. */
function labelsOf(groups: readonly (readonly Run[])[]): string[] {
  const taken = new Set(
    groups.flatMap(([run, ...others]) => (others.length > 0 ? [] : run!.label)),
  );
  return groups.map((group) => {
    const [first, ...others] = group;
    if (others.length === 0) return first!.label;
    const label = commonLabel(group.map(({ label }) => label)) || nameOf(first!);
    let unique = label;
    for (let n = 2; taken.has(unique); n++) unique = `${label} (${n})`;
    taken.add(unique);
    return unique;
  });
}

/** `relay-seed1` and `relay-seed2` have `relay` in common; empty where they begin differently. */
function commonLabel(labels: readonly string[]): string {
  const undated = labels.map((label) => label.replace(/-\d{4}-\d\d-\d\dT[\d-]+$/, ''));
  const stems = new Set(undated).size === 1 ? undated : undated.map((s) => s.replace(/\d+$/, ''));
  let common = stems[0]!;
  while (!stems.every((stem) => stem.startsWith(common))) common = common.slice(0, -1);
  return common.replace(/(^|[-_. ]+)(seed|s)?[-_. ]*$/i, '');
}

const nameOf = ({ settings }: Run): string => (settings.name ?? '').replace(/^"|"$/g, '');
