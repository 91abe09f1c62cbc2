import type { ReportData, RunReport } from '../page-data.js';
import { classes } from './classes.js';
import { confusion } from './confusion-matrix.js';
import { curves } from './curves.js';
import { h, selectBox } from './dom.js';
import { minute, whole } from './format.js';
import { gallery } from './gallery.js';
import { gradients } from './gradients.js';
import { type Group, groupsIn, spreadText, titleOf } from './group.js';
import { networks } from './network-drawings.js';
import { summary } from './summary.js';
import { themeButton } from './theme.js';

/** A part of the page, drawn anew when what it shows has changed. */
interface Section {
  id: string;
  title: string;
  all?: (groups: readonly Group[]) => HTMLElement;
  /** Shows one group, or one run, at a time: there is a choice where there are several. */
  perGroup?: (group: Group, groups: readonly Group[]) => HTMLElement;
  perRun?: (run: RunReport) => HTMLElement;
  /** What it depends on; it is left alone while this stays the same. */
  key: (run: RunReport) => unknown;
  note?: string;
}

const SECTIONS: readonly Section[] = [
  {
    id: 'summary',
    title: 'Summary',
    all: summary,
    key: ({ state, step, totalSteps, val, facts, sessions, leftOut }) => {
      return [state, step, totalSteps, val, facts, sessions, leftOut];
    },
  },
  {
    id: 'curves',
    title: 'Training',
    key: ({ train, val }) => [train.step.length, val.step.length],
  },
  {
    id: 'network',
    title: 'Network and ranges',
    note: "How each loss's gradient flows: it enters at its head and stops at the bottom of its range. Where ranges overlap a layer takes the sum of both.",
    all: networks,
    key: ({ network }) => network,
  },
  {
    id: 'gradients',
    title: 'Gradients',
    perRun: gradients,
    key: ({ gradients }) => gradients.length,
  },
  { id: 'classes', title: 'Classes', perGroup: classes, key: validationKey },
  { id: 'confusion', title: 'Confusion', perRun: confusion, key: validationKey },
  { id: 'gallery', title: 'Images', perRun: gallery, key: validationKey },
];

function validationKey({ validation, missing }: RunReport): unknown {
  return [validation?.source, validation?.step, validation?.images, validation?.top1, missing];
}

class Page {
  private readonly status = h('span', { class: 'live', role: 'status' });
  private readonly curves = curves();
  private readonly bodies = new Map<string, HTMLElement>();
  private readonly drawn = new Map<string, string>();
  private readonly title = h('h1');
  private readonly subtitle = h('p', { class: 'note' });
  private chosen = '';
  private runs: readonly RunReport[] = [];
  private groups: readonly Group[] = [];

  constructor() {
    const links = SECTIONS.map(({ id, title }) => h('a', { href: `#${id}` }, title));
    document.body.append(
      h('a', { class: 'skip', href: '#main' }, 'skip to the content'),
      h(
        'header',
        { class: 'top' },
        h('nav', { 'aria-label': 'sections' }, links),
        this.status,
        themeButton(),
      ),
      h(
        'main',
        { id: 'main' },
        this.title,
        this.subtitle,
        SECTIONS.map((section) => this.section(section)),
      ),
    );
    const spy = new IntersectionObserver(
      (entries) => {
        for (const { target, isIntersecting } of entries) {
          if (!isIntersecting) continue;
          for (const link of links) {
            const here = link.hash === `#${target.id}`;
            link.classList.toggle('here', here);
            if (here) reveal(link);
          }
        }
      },
      { rootMargin: '-20% 0px -70% 0px' },
    );
    for (const section of document.querySelectorAll('section')) spy.observe(section);
  }

  show(data: ReportData): void {
    const { runs, relaybp, generated } = data;
    this.runs = runs;
    this.groups = groupsIn(data);
    if (!runs.some(({ label }) => label === this.chosen)) this.chosen = runs.at(-1)!.label;
    const names = this.groups.map(titleOf);
    this.title.textContent = names.length > 2 ? `${runs.length} runs` : names.join(' and ');
    document.title = `${names.join(', ')} · relaybp`;
    this.subtitle.textContent = `relaybp ${relaybp} · ${minute(generated)}`;
    for (const section of SECTIONS) this.draw(section);
  }

  live(text: string, good: boolean): void {
    this.status.textContent = text;
    this.status.classList.toggle('good', good);
  }

  private section({ id, title, note }: Section): HTMLElement {
    const body = h('div');
    this.bodies.set(id, body);
    if (id === 'curves') body.append(this.curves.element);
    return h(
      'section',
      { id, 'aria-labelledby': `${id}-title` },
      h('h2', { id: `${id}-title` }, title),
      note ? h('p', { class: 'note' }, note) : null,
      body,
    );
  }

  private draw({ id, all, perGroup, perRun, key }: Section): void {
    const { runs, groups, chosen } = this;
    const one = perRun ?? perGroup;
    const state = JSON.stringify([
      one && chosen,
      groups.map(({ label }) => label),
      runs.map((run) => [run.label, key(run)]),
    ]);
    if (this.drawn.get(id) === state) return;
    this.drawn.set(id, state);
    const body = this.bodies.get(id)!;
    const group = groups.find((each) => each.runs.some(({ label }) => label === chosen))!;
    if (all) body.replaceChildren(all(groups));
    else if (perGroup) {
      const options = groups.map((each) => [each.runs[0]!.label, titleOf(each)] as const);
      const chooser = this.chooser(id, options, group.runs[0]!.label);
      body.replaceChildren(chooser, about(group.runs), perGroup(group, groups));
    } else if (perRun) {
      const run = group.runs.find(({ label }) => label === chosen)!;
      const options = runs.map(({ label }) => [label, label] as const);
      const chooser = this.chooser(id, options, chosen);
      body.replaceChildren(chooser, id === 'gradients' ? '' : about([run]), perRun(run));
    } else this.curves.update(groups);
  }

  /** Chooses the run for all sections that show one, or its group, at a time. */
  private chooser(
    id: string,
    options: readonly (readonly [label: string, text: string])[],
    chosen: string,
  ): HTMLElement | string {
    if (options.length < 2) return '';
    const box = selectBox('run', options, chosen, (label) => {
      this.chosen = label;
      for (const section of SECTIONS) if (section.perRun || section.perGroup) this.draw(section);
      document.querySelector<HTMLSelectElement>(`#${id} .chooser select`)?.focus();
    });
    return h('div', { class: 'controls chooser' }, box);
  }
}

/** Moves the row of links so that one of them is seen: on a phone they do not all fit. The page stays where it is. */
function reveal(link: HTMLElement): void {
  const row = link.parentElement!;
  row.scrollLeft = link.offsetLeft - row.offsetLeft - (row.clientWidth - link.clientWidth) / 2;
}

/** Where the numbers of the sections on images come from. */
function about(runs: readonly RunReport[]): HTMLElement | string {
  const found = runs.flatMap(({ validation }) => validation ?? []);
  const [first] = found;
  if (!first) return '';
  const { step, source, images } = first;
  const one = step === null ? source : `best checkpoint, step ${whole(step)}, single centre crop`;
  const several = found.some((each) => each.step === null)
    ? found.map((each) => each.source).join(', ')
    : `best checkpoints of ${found.length} seeds, single centre crop`;
  const rates = ([1, 5] as const).map((k) => {
    return `top-${k} accuracy ${spreadText(found.map((each) => each[`top${k}`]))}`;
  });
  const from = found.length > 1 ? several : one;
  return h('p', { class: 'note' }, `${from}: ${whole(images)} images, ${rates.join(', ')}`);
}

/** A watched page: reads the data from the server, again after each event. */
async function watch(page: Page): Promise<void> {
  const load = async (): Promise<void> => {
    const response = await fetch('data.json');
    if (!response.ok) throw new Error(`${response.status}`);
    page.show((await response.json()) as ReportData);
  };
  await load();
  const events = new EventSource('events');
  events.addEventListener('open', () => {
    page.live('live', true);
    void load(); // whatever was missed while there was no connection
  });
  events.addEventListener('change', () => void load());
  events.addEventListener('error', () => page.live('not connected', false));
}

const page = new Page();
const data = JSON.parse(document.querySelector('#data')!.textContent!) as ReportData | null;
if (data) page.show(data);
else {
  watch(page).catch((error: unknown) => page.live(`no data: ${(error as Error).message}`, false));
}
