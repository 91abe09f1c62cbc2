type Child = Node | string | number | null | undefined | false;
type Props = Record<
  string,
  string | number | boolean | null | undefined | ((event: Event) => void)
>;

/** An HTML element. `onclick` and the like are listeners, other properties attributes; null and false leave one out. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: (Child | Child[])[]
): HTMLElementTagNameMap[K] {
  return fill(document.createElement(tag), props, children);
}

/** An SVG element, as `h`. */
export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: (Child | Child[])[]
): SVGElementTagNameMap[K] {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), props, children);
}

function fill<E extends Element>(element: E, props: Props, children: (Child | Child[])[]): E {
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? '' : String(value));
    }
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false) {
      element.append(child instanceof Node ? child : String(child));
    }
  }
  return element;
}

/** Buttons of which one is pressed. */
export function choice<T extends string>(
  label: string,
  options: readonly (readonly [value: T, text: string])[],
  chosen: T,
  onChoose: (value: T) => void,
): HTMLElement {
  const buttons = options.map(([value, text]) =>
    h(
      'button',
      {
        type: 'button',
        'aria-pressed': String(value === chosen),
        onclick: (event) => {
          for (const button of buttons) {
            button.setAttribute('aria-pressed', String(button === event.currentTarget));
          }
          onChoose(value);
        },
      },
      text,
    ),
  );
  return h('div', { class: 'choice', role: 'group', 'aria-label': label }, buttons);
}

export function selectBox(
  label: string,
  options: readonly (readonly [value: string, text: string])[],
  chosen: string,
  onChoose: (value: string) => void,
): HTMLElement {
  const select = h(
    'select',
    { onchange: () => onChoose(select.value) },
    options.map(([value, text]) => h('option', { value, selected: value === chosen }, text)),
  );
  return h('label', { class: 'field' }, h('span', {}, label), select);
}

/** The numbers behind a figure; the table is made when it is opened. */
export function numbers(
  caption: string,
  make: () => { head: string[]; rows: (string | number | null)[][]; note?: string },
): HTMLElement {
  const details = h('details', { class: 'numbers' }, h('summary', {}, 'Numbers'));
  details.addEventListener('toggle', () => {
    if (!details.open || details.children.length > 1) return;
    const { head, rows, note } = make();
    const table = h(
      'table',
      {},
      h('caption', {}, caption),
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          head.map((name) => h('th', { scope: 'col' }, name)),
        ),
      ),
      h(
        'tbody',
        {},
        rows.map((row) =>
          h(
            'tr',
            {},
            row.map((cell) => h('td', {}, cell ?? '')),
          ),
        ),
      ),
    );
    const scroll = h('div', { class: 'scroll', tabindex: 0, role: 'region' }, table);
    scroll.setAttribute('aria-label', caption);
    details.append(scroll, ...(note ? [h('p', { class: 'note' }, note)] : []));
  });
  return details;
}

/** Calls back with the width of an element, now and whenever it changes. */
export function onWidth(element: Element, callback: (width: number) => void): void {
  let last = 0;
  new ResizeObserver(([entry]) => {
    const width = Math.floor(entry!.contentRect.width);
    if (width === last || width === 0) return;
    last = width;
    callback(width);
  }).observe(element);
}
