import { ConfigError } from '../errors.js';

/** A share of a study's runs, for one of several machines. */
export interface Part {
  /** From 0. */
  readonly index: number;
  readonly count: number;
}

export const WHOLE: Part = { index: 0, count: 1 };

/** @param text `2/4`, counted from 1 @throws ConfigError if it is no such thing */
export function parsePart(text: string): Part {
  const [, index, count] = /^([1-9]\d{0,3})\/([1-9]\d{0,3})$/.exec(text) ?? [];
  if (index === undefined || Number(index) > Number(count)) {
    throw new ConfigError(
      `--part ${text}: which part of how many, for instance 2/4`,
      'count from 1: --part 1/2 on one machine, --part 2/2 on the other',
    );
  }
  return { index: Number(index) - 1, count: Number(count) };
}
