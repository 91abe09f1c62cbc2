import { classAware } from './class-aware.js';
import { power } from './power.js';
import { progressive } from './progressive.js';
import { repeatFactor } from './repeat-factor.js';
import type { EpochSize, SamplerType } from './sampler-type.js';
import { sequential } from './sequential.js';
import { shuffle } from './shuffle.js';

/** Every sampler, by its name in configs; docs/config.md has them in this order. */
export const samplers = {
  'class-aware': classAware,
  shuffle,
  sequential,
  power,
  progressive,
  'repeat-factor': repeatFactor,
};

type Samplers = typeof samplers;
type GivenOf<Type> = Type extends SamplerType<infer Given, infer _> ? Given : never;
type RuleOf<Type> = Type extends SamplerType<infer _, infer Rule> ? Rule : never;

/** `data.sampler`: a name, or a mapping with a `kind`. */
export type SamplerConfig = keyof Samplers | GivenOf<Samplers[keyof Samplers]>;

/** What a sampler is made from. */
export type SamplerRule = RuleOf<Samplers[keyof Samplers]>;

interface Given {
  kind: string;
  epochSize?: EpochSize;
}

const byName: Readonly<Record<string, SamplerType<Given, { kind: string }>>> = samplers;

export const samplerType = ({ kind }: { kind: string }) => byName[kind]!;

/** A name is a mapping without numbers. */
export const asMapping = (sampler: SamplerConfig): Given =>
  typeof sampler === 'string' ? { kind: sampler } : sampler;
