import { ConfigError } from '../errors.js';
import { layerKinds } from './known-keys.js';
import { isMap, merge, type Yaml, type YamlMap } from './merge.js';

/**
 * Lays `model.defaults` under every layer of its kind, in segments, heads and inside other layers, and takes the key
 * out: `defaults: {conv: {bias: false}}` is a shorthand, the resolved config spells every layer out.
 */
export function applyLayerDefaults(config: Yaml): Yaml {
  if (!isMap(config) || !isMap(config.model) || config.model.defaults === undefined) return config;
  const { defaults, ...model } = config.model;
  if (!isMap(defaults) || !Object.values(defaults).every(isMap)) {
    throw new ConfigError(
      'model.defaults: a mapping of layer kinds to options is needed, for instance {conv: {bias: false}}',
    );
  }
  const kinds = layerKinds();
  const unknown = Object.keys(defaults).find((kind) => !kinds.includes(kind));
  if (unknown !== undefined) {
    throw new ConfigError(
      `model.defaults.${unknown}: no kind of layer is called so; there are ${kinds.join(', ')}`,
    );
  }
  const within = (value: Yaml): Yaml => fill(value, defaults as { [kind: string]: YamlMap });
  return {
    ...config,
    model: {
      ...model,
      ...(model.segments === undefined ? {} : { segments: within(model.segments) }),
    },
    ...(config.losses === undefined ? {} : { losses: within(config.losses) }),
  };
}

/** Fills the options of every layer in `value`: a layer is an item of a list, a mapping with one key. */
function fill(value: Yaml, defaults: { [kind: string]: YamlMap }): Yaml {
  if (Array.isArray(value)) {
    return value.map((item) => {
      const filled = fill(item, defaults);
      const [kind] = isMap(filled) && Object.keys(filled).length === 1 ? Object.keys(filled) : [];
      const base = kind === undefined ? undefined : defaults[kind];
      return base && isMap(filled) ? { [kind!]: merge(base, filled[kind!]!) } : filled;
    });
  }
  if (!isMap(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, fill(item, defaults)]),
  );
}
