/** Numbers written with a decimal comma, which YAML takes for something else. */
import { isScalar, type Pair } from 'yaml';

/** `{weightDecay: 0,0005}`: to YAML two keys, `weightDecay` with 0 and `0005` without a value. */
export interface DecimalComma {
  /** The key of the whole part. */
  key: string;
  /** `0,0005` */
  written: string;
  /** `0.0005` */
  meant: string;
}

/** Whether a key of a mapping is the fraction of the value before it. */
export function decimalComma(pair: Pair, before: Pair | undefined): DecimalComma | null {
  const [fraction, key] = [textOf(pair.key), textOf(before?.key)];
  const whole = textOf(before?.value);
  const isEmpty = pair.value === null || (isScalar(pair.value) && pair.value.value === null);
  if (!isEmpty || !/^\d+(e[-+]?\d+)?$/i.test(fraction) || !/^[-+]?\d+$/.test(whole)) return null;
  return { key, written: `${whole},${fraction}`, meant: `${whole}.${fraction}` };
}

const textOf = (node: unknown): string =>
  isScalar(node) ? (node.source ?? String(node.value)) : typeof node === 'string' ? node : '';

/** What to say of a refused value that looks like a number, or numbers, with a decimal comma; '' of any other. */
export function decimalPoint(value: unknown): string {
  if (typeof value === 'string' && /^[-+]?\d+,\d+(e[-+]?\d+)?$/i.test(value)) {
    return `; a decimal comma? numbers have a decimal point: ${value.replace(',', '.')}`;
  }
  // [0,9, 0,999] is four numbers.
  const isList = Array.isArray(value) && value.length >= 4 && value.length % 2 === 0;
  if (!isList || !value.every(Number.isInteger)) return '';
  return '; decimal commas? they separate the items of a list: numbers have a decimal point, as 0.9';
}
