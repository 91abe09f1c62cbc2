import type { RefObject } from 'preact';
import { useLayoutEffect, useState } from 'preact/hooks';

/** The width of an element in whole pixels, followed; 0 until it is known. */
export function useWidth(element: RefObject<Element | null>): number {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(([entry]) => {
      const found = Math.floor(entry!.contentRect.width);
      if (found > 0) setWidth(found);
    });
    observer.observe(element.current!);
    return () => observer.disconnect();
  }, [element]);
  return width;
}
