import { z } from 'zod';
import type { SchemaParts } from '../data/sampling/sampler-type.js';
import { type SamplerConfig, samplers } from '../data/sampling/table.js';
import { durationSchema } from './duration.js';

/** `data.sampler`: a name, or a mapping with the sampler's own numbers. Formulas and sources: docs/data.md. */

const draws = z.int().positive();
const parts: SchemaParts = {
  z,
  kind: (value, what) => z.literal(value).describe(what),
  duration: durationSchema,
  epochSize: z
    .union([draws, z.enum(['images', 'longest-class'])], {
      error: 'epochSize: a number of draws, images, or longest-class',
    })
    .default('images')
    .describe(
      'How many draws count as an epoch: images (as many as there are), longest-class (classes times the images of the largest), or a number.',
    ),
};

const all = Object.entries(samplers);
const names = all.filter(([, { named }]) => named !== undefined).map(([name]) => name);
const mappings = all.filter(([, type]) => 'schema' in type);
const kinds = mappings.map(([kind]) => kind);
const oneOfKinds = `${kinds.slice(0, -1).join(', ')} or ${kinds.at(-1)}`;

const objects: z.ZodType[] = mappings.map(([, type]) => type.schema!(parts));
const rule = z.discriminatedUnion('kind', objects as [z.ZodObject, ...z.ZodObject[]], {
  error: ({ code }) => (code === 'invalid_union' ? oneOfKinds : undefined),
});

export const samplerSchema = z
  .union([z.enum(names), rule], {
    error: `sampler: ${names.join(', ')}, or a mapping with a kind: ${oneOfKinds}`,
  })
  .default('class-aware') as unknown as z.ZodDefault<z.ZodType<SamplerConfig>>;

/** What each name alone means, for the description of the key. */
export const samplerNames = all
  .filter(([, { named }]) => named !== undefined)
  .map(([name, { named }]) => `${name}: ${named}.`)
  .join(' ');
