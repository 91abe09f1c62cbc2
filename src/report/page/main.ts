import type { ReportData, RunReport } from '../data.js';
import { classes } from './classes.js';
import { confusion } from './confusion.js';
import { curves } from './curves.js';
import { h, selectBox } from './dom.js';
import { percent, whole } from './format.js';
import { gallery } from './gallery.js';
import { gradients } from './gradients.js';
import { networkFigure } from './network.js';
import { summary } from './summary.js';
import { themeButton } from './theme.js';

/** A part of the page, drawn anew when what it shows has changed. */
interface Section {
  id: string;
  title: string;
  /** Shows one run at a time: there is a choice where there are several. */
  perRun?: (run: RunReport, runs: readonly RunReport[]) => HTMLElement;
  all?: (runs: readonly RunReport[]) => HTMLElement;
  /** What it depends on; it is left alone while this stays the same. */
  key: (run: RunReport) => unknown;
  note?: string;
}

const SECTIONS: readonly Section[] = [
  {
    id: 'summary',
    title: 'Summary',
    all: summary,
    key: ({ state, step, totalSteps, val, facts }) => [state, step, totalSteps, val, facts],
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
    all: (runs) =>
      h(
        'div',
        {},
        runs.map((run) =>
          h(
            'div',
            {},
            h('h3', {}, runs.length > 1 ? `${run.label}: ${run.method}` : run.method),
            networkFigure(run),
          ),
        ),
      ),
    key: ({ network }) => network,
  },
  {
    id: 'gradients',
    title: 'Gradients',
    perRun: gradients,
    key: ({ gradients }) => gradients.length,
  },
  { id: 'classes', title: 'Classes', perRun: classes, key: validationKey },
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

  show({ runs, relaybp, generated }: ReportData): void {
    this.runs = runs;
    if (!runs.some(({ label }) => label === this.chosen)) this.chosen = runs.at(-1)!.label;
    const names = runs.map(({ label }) => label);
    this.title.textContent = names.length > 2 ? `${names.length} runs` : names.join(' and ');
    document.title = `${names.join(', ')} · relaybp`;
    const at = generated.slice(0, 16).replace('T', ' ');
    this.subtitle.textContent = `relaybp ${relaybp} · ${at} UTC`;
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

  private draw({ id, all, perRun, key }: Section): void {
    const { runs, chosen } = this;
    const state = JSON.stringify([perRun && chosen, runs.map((run) => [run.label, key(run)])]);
    if (this.drawn.get(id) === state) return;
    this.drawn.set(id, state);
    const body = this.bodies.get(id)!;
    if (all) body.replaceChildren(all(runs));
    else if (!perRun) this.curves.update(runs);
    else {
      const run = runs.find(({ label }) => label === chosen)!;
      body.replaceChildren(
        ...(runs.length > 1 ? [this.chooser(id)] : []),
        about(id, run),
        perRun(run, runs),
      );
    }
  }

  /** Chooses the run for all sections that show one at a time. */
  private chooser(id: string): HTMLElement {
    const options = this.runs.map(({ label }) => [label, label] as const);
    const box = selectBox('run', options, this.chosen, (label) => {
      this.chosen = label;
      for (const section of SECTIONS) if (section.perRun) this.draw(section);
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
function about(id: string, { validation }: RunReport): HTMLElement | string {
  if (id === 'gradients' || !validation) return '';
  const { step, source, images, top1, top5 } = validation;
  const from = step === null ? source : `best checkpoint, step ${whole(step)}, single centre crop`;
  return h(
    'p',
    { class: 'note' },
    `${from}: ${whole(images)} images, top-1 ${percent(top1)}, top-5 ${percent(top5)}`,
  );
}

/** A watched page: reads the data from the server, again after each event. */
async function watch(page: Page): Promise<void> {
  const load = async (): Promise<void> => {
    const response = await fetch('/data.json');
    if (!response.ok) throw new Error(`${response.status}`);
    page.show((await response.json()) as ReportData);
  };
  await load();
  const events = new EventSource('/events');
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
