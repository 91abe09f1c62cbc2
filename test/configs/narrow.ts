/** Configs of this repository as tests use them. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import type { ExperimentConfig } from '../../src/config/experiment-schema.js';
import { loadConfig, parseConfig } from '../../src/config/load.js';
import { type ExperimentPlan, planExperiment } from '../../src/experiment/experiment-plan.js';

const folder = fileURLToPath(new URL('../../configs/', import.meta.url));

/** The names of all configs in configs/ (not those in configs/base), without `.yaml`. */
export const CONFIGS: readonly string[] = readdirSync(folder)
  .filter((file) => file.endsWith('.yaml'))
  .map((file) => file.slice(0, -'.yaml'.length))
  .sort();

export const configFile = (name: string): string => `${folder}${name}.yaml`;

export function resolved(name: string): ExperimentConfig {
  return loadConfig(configFile(name)).config;
}

export interface Width {
  /** Divisor of every convolution's filters. */
  filters: number;
  /** Divisor of every fc layer's units, but for the logits. */
  units: number;
  /** Height and width of the input. */
  size: number;
  classes: number;
  images: number;
}

/**
 * A config with the same layers, losses and ranges, but fewer filters, units and classes, and another input size:
 * small enough to be run in a test. Divisions round up.
 */
export function narrowPlan(name: string, width: Width): ExperimentPlan {
  const { size, classes, images } = width;
  const { data, model, losses, ...rest } = resolved(name);
  const narrow = {
    ...rest,
    data: { ...data, classes, crop: size, resize: size },
    model: { input: [size, size, 3], segments: thin(model.segments, width) },
    losses: thin(losses, width),
    training: { steps: 1, batchSize: images },
  };
  return planExperiment(parseConfig(stringify(narrow), `narrow ${name}`));
}

/** Divides `filters` and `units` wherever they occur. */
function thin(value: unknown, width: Width): unknown {
  if (Array.isArray(value)) return value.map((item) => thin(item, width));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) =>
      (key === 'filters' || key === 'units') && typeof inner === 'number'
        ? [key, Math.ceil(inner / width[key])]
        : [key, thin(inner, width)],
    ),
  );
}
