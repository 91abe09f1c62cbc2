import { h } from './dom.js';

type Theme = 'auto' | 'light' | 'dark';
const NEXT: Record<Theme, Theme> = { auto: 'light', light: 'dark', dark: 'auto' };
interface Listener {
  owner: Element;
  changed: () => void;
  gone: () => void;
  /** Whether the owner has been seen in the document. */
  seen: boolean;
}

const listeners = new Set<Listener>();
const cache = new Map<string, string>();

/** The colour that a custom property of the style sheet has in the present theme. */
export function color(property: string): string {
  let value = cache.get(property);
  if (value === undefined) {
    value = getComputedStyle(document.documentElement).getPropertyValue(property).trim();
    cache.set(property, value);
  }
  return value;
}

export const runColor = (run: number): string => `--run-${run % 8}`;
export const lossColor = (loss: number): string => `--loss-${loss % 5}`;

/**
 * For what is drawn on a canvas: called when the colours change.
 *
 * @param owner once it has left the document it is forgotten
 * @param gone called then
 */
export function onTheme(owner: Element, changed: () => void, gone: () => void = () => {}): void {
  for (const listener of listeners) {
    if (listener.owner.isConnected) listener.seen = true;
    else if (listener.seen) {
      listeners.delete(listener);
      listener.gone();
    }
  }
  listeners.add({ owner, changed, gone, seen: false });
}

const system = matchMedia('(prefers-color-scheme: dark)');

/** Shows the page in a theme; the style sheet knows only light and dark. */
function show(theme: Theme): void {
  document.documentElement.dataset.theme =
    theme === 'auto' ? (system.matches ? 'dark' : 'light') : theme;
  cache.clear();
  for (const listener of listeners) listener.changed();
}

/** A button that goes from the system's theme to light to dark. */
export function themeButton(): HTMLElement {
  let theme: Theme = 'auto';
  const button = h('button', { type: 'button', class: 'quiet' });
  const choose = (chosen: Theme): void => {
    theme = chosen;
    button.textContent = { auto: '◐ auto', light: '○ light', dark: '● dark' }[theme];
    button.setAttribute('aria-label', `colours: ${theme}`);
    show(theme);
  };
  button.addEventListener('click', () => choose(NEXT[theme]));
  system.addEventListener('change', () => show(theme));
  choose(theme);
  return button;
}
