import type { YamlMap } from './merge.js';
import type { Path } from './path.js';

/** What a config is put together from: a file, a saved config, one override. */
export interface ConfigSource {
  label: string;
  data: YamlMap;
  /** `data` as it was written. */
  raw: YamlMap;
  position(path: Path): string | undefined;
  /** The value there as it was written, where it is a single one. */
  text(path: Path): string | undefined;
}
