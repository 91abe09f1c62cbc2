import { ConfigError } from '../errors.js';
import { isMap, type Yaml, type YamlMap } from './merge.js';

/** `${NAME}` and `${NAME:-default}` in every text value. */
export function expandVariables(value: Yaml, label: string): Yaml {
  if (typeof value === 'string') {
    return value.replace(/\$\{(\w+)(?::-([^{}]*))?\}/g, (_, name: string, fallback?: string) => {
      const set = process.env[name];
      if (set !== undefined && set !== '') return set;
      if (fallback !== undefined) return fallback;
      throw new ConfigError(
        `${label}: the environment variable ${name} is not set (used in "${value}")`,
        `set it, or give a default: \${${name}:-path}`,
      );
    });
  }
  if (Array.isArray(value)) return value.map((item) => expandVariables(item, label));
  if (isMap(value)) {
    const out: YamlMap = {};
    for (const [key, item] of Object.entries(value)) {
      if (key === '__proto__')
        throw new ConfigError(`${label}: "__proto__" is not allowed as a key`);
      out[key] = expandVariables(item, label);
    }
    return out;
  }
  return value;
}
