import { h, type JSX, render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { ReportData } from '../page-data.js';
import { minute } from './format.js';
import { groupsIn, titleOf } from './group.js';
import { SECTIONS, sectionOf } from './sections.js';
import { studySection } from './study-section.js';
import { ThemeButton } from './theme.js';

/** What the page is told of a training that it watches. */
interface Live {
  text: string;
  good: boolean;
}

function Page({ data, live }: { data: ReportData | null; live: Live }): JSX.Element {
  const [wanted, setWanted] = useState('');
  const here = useSectionInView();
  const runs = data?.runs ?? [];
  const groups = data ? groupsIn(data) : [];
  const chosen = runs.some(({ label }) => label === wanted) ? wanted : (runs.at(-1)?.label ?? '');
  const names = groups.map(titleOf);
  useEffect(() => {
    const title = data?.study?.name ?? names.join(', ');
    if (title !== '') document.title = `${title} · relaybp`;
  });
  const { study = null, standing = null } = data ?? {};
  const sections = [
    ...(study ? [studySection(study, standing)] : []),
    ...(study && runs.length === 0 ? [] : SECTIONS), // trials alone so far
  ];
  const links = sections.map(({ id, title }) =>
    h('a', { href: `#${id}`, class: id === here ? 'here' : null }, title),
  );
  return h(
    'div',
    null,
    h('a', { class: 'skip', href: '#main' }, 'skip to the content'),
    h(
      'header',
      { class: 'top' },
      h('nav', { 'aria-label': 'sections' }, links),
      h('span', { class: live.good ? 'live good' : 'live', role: 'status' }, live.text),
      h(ThemeButton, null),
    ),
    h(
      'main',
      { id: 'main' },
      h(
        'h1',
        null,
        data?.study?.name ?? (names.length > 2 ? `${runs.length} runs` : names.join(' and ')),
      ),
      h('p', { class: 'note' }, data && `relaybp ${data.relaybp} · ${minute(data.generated)}`),
      sections.map((section) => sectionOf(section, { runs, groups, chosen }, setWanted)),
    ),
  );
}

/** The section in view, whose link is kept in view too. */
function useSectionInView(): string {
  const [here, setHere] = useState('');
  useEffect(() => {
    const spy = new IntersectionObserver(
      (entries) => {
        for (const { target, isIntersecting } of entries) if (isIntersecting) setHere(target.id);
      },
      { rootMargin: '-20% 0px -70% 0px' },
    );
    for (const section of document.querySelectorAll('section')) spy.observe(section);
    return () => spy.disconnect();
  }, []);
  useEffect(() => {
    const link = document.querySelector<HTMLElement>('.top a.here');
    if (link) reveal(link);
  }, [here]);
  return here;
}

/** Moves the row of links so that one of them is seen: on a phone they do not all fit. The page stays where it is. */
function reveal(link: HTMLElement): void {
  const row = link.parentElement!;
  row.scrollLeft = link.offsetLeft - row.offsetLeft - (row.clientWidth - link.clientWidth) / 2;
}

const root = document.createElement('div');
document.body.append(root);

let data = JSON.parse(document.querySelector('#data')!.textContent!) as ReportData | null;
let live: Live = { text: '', good: false };

function show(changed: { data?: ReportData; live?: Live }): void {
  data = changed.data ?? data;
  live = changed.live ?? live;
  render(h(Page, { data, live }), root);
}

/** A watched page: reads the data from the server, again after each event. */
async function watch(): Promise<void> {
  const load = async (): Promise<void> => {
    const response = await fetch('data.json');
    if (!response.ok) throw new Error(`${response.status}`);
    show({ data: (await response.json()) as ReportData });
  };
  await load();
  const events = new EventSource('events');
  events.addEventListener('open', () => {
    show({ live: { text: 'live', good: true } });
    void load(); // whatever was missed while there was no connection
  });
  events.addEventListener('change', () => void load());
  events.addEventListener('error', () => show({ live: { text: 'not connected', good: false } }));
}

show({});
if (!data) {
  watch().catch((error: unknown) =>
    show({ live: { text: `no data: ${(error as Error).message}`, good: false } }),
  );
}
