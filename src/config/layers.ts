import { z } from 'zod';
import { type LayerSpec, layerTypes } from '../model/layers/table.js';

/** The layers that a config can name: the schemas of all layer types under their keys. */

const layerList = z.array(z.lazy((): z.ZodType<LayerSpec> => layerSchema)).min(1);

const keys = Object.fromEntries(
  Object.entries(layerTypes).map(([key, type]) => [
    key,
    (type.schema(layerList) as z.ZodType).optional().describe(type.about),
  ]),
);

/** One layer: a mapping with exactly one key, its type. */
export const layerSchema = z
  .strictObject(keys)
  .superRefine((layer, context) => {
    const given = Object.entries(layer).filter(([, value]) => value !== undefined);
    if (given.length !== 1) {
      context.addIssue({
        code: 'custom',
        message: `a layer is a mapping with exactly one key, one of ${Object.keys(keys).join(', ')}; here ${
          given.length === 0 ? 'none' : given.map(([key]) => key).join(' and ')
        }`,
      });
    }
  })
  .meta({
    id: 'layer',
    description: 'One layer: a mapping with exactly one key, the kind.',
  }) as z.ZodType<LayerSpec>;
