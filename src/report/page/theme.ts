import { h, type JSX } from 'preact';
import { useEffect, useLayoutEffect, useState } from 'preact/hooks';

type Theme = 'auto' | 'light' | 'dark';
const NEXT: Record<Theme, Theme> = { auto: 'light', light: 'dark', dark: 'auto' };
const listeners = new Set<() => void>();
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

/** For what is drawn on a canvas: calls when the colours change. @returns what ends that */
export function onTheme(changed: () => void): () => void {
  listeners.add(changed);
  return () => listeners.delete(changed);
}

const system = matchMedia('(prefers-color-scheme: dark)');

/** Shows the page in a theme; the style sheet knows only light and dark. */
function show(theme: Theme): void {
  document.documentElement.dataset.theme =
    theme === 'auto' ? (system.matches ? 'dark' : 'light') : theme;
  cache.clear();
  for (const changed of listeners) changed();
}

const TEXTS: Record<Theme, string> = { auto: '◐ auto', light: '○ light', dark: '● dark' };

/** A button that goes from the system's theme to light to dark. */
export function ThemeButton(): JSX.Element {
  const [theme, setTheme] = useState<Theme>('auto');
  useLayoutEffect(() => show(theme), [theme]);
  useEffect(() => {
    const changed = (): void => show(theme);
    system.addEventListener('change', changed);
    return () => system.removeEventListener('change', changed);
  }, [theme]);
  const onClick = (): void => setTheme(NEXT[theme]);
  const label = `colours: ${theme}`;
  return h(
    'button',
    { type: 'button', class: 'quiet', 'aria-label': label, onClick },
    TEXTS[theme],
  );
}
