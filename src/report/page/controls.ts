import { type ComponentChildren, h, type JSX } from 'preact';
import { useState } from 'preact/hooks';

interface Choosing<T extends string> {
  label: string;
  options: readonly (readonly [value: T, text: string])[];
  chosen: T;
  onChoose: (value: T) => void;
}

/** Buttons of which one is pressed. */
export function choice<T extends string>({
  label,
  options,
  chosen,
  onChoose,
}: Choosing<T>): JSX.Element {
  const buttons = options.map(([value, text]) =>
    h(
      'button',
      {
        type: 'button',
        'aria-pressed': String(value === chosen),
        onClick: () => onChoose(value),
      },
      text,
    ),
  );
  return h('div', { class: 'choice', role: 'group', 'aria-label': label }, buttons);
}

export function selectBox<T extends string>({
  label,
  options,
  chosen,
  onChoose,
}: Choosing<T>): JSX.Element {
  const onChange = (event: Event): void =>
    onChoose((event.currentTarget as HTMLSelectElement).value as T);
  return h(
    'label',
    { class: 'field' },
    h('span', null, label),
    h(
      'select',
      { onChange },
      options.map(([value, text]) => h('option', { value, selected: value === chosen }, text)),
    ),
  );
}

/** What a field holds after an event of its own. */
export const typedIn = (event: Event): string => (event.currentTarget as HTMLInputElement).value;

interface Table {
  head: string[];
  rows: (string | number | null)[][];
  note?: string | undefined;
}

/** The numbers behind a figure; the table is made when it is opened. */
export function Numbers({
  caption,
  summary = 'Numbers',
  make,
}: {
  caption: string;
  summary?: string;
  make: () => Table;
}): JSX.Element {
  const [opened, setOpened] = useState(false);
  const onToggle = (event: Event): void => {
    if ((event.currentTarget as HTMLDetailsElement).open) setOpened(true);
  };
  return h(
    'details',
    { class: 'numbers', onToggle },
    h('summary', null, summary),
    opened && tableOf(caption, make()),
  );
}

function tableOf(caption: string, { head, rows, note }: Table): ComponentChildren {
  const table = h(
    'table',
    null,
    h('caption', null, caption),
    h(
      'thead',
      null,
      h(
        'tr',
        null,
        head.map((name) => h('th', { scope: 'col' }, name)),
      ),
    ),
    h(
      'tbody',
      null,
      rows.map((row) =>
        h(
          'tr',
          null,
          row.map((cell) => h('td', null, cell ?? '')),
        ),
      ),
    ),
  );
  return [
    h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption }, table),
    note && h('p', { class: 'note' }, note),
  ];
}
