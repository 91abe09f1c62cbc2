import { Document, isScalar, visit } from 'yaml';
import { escapeSteering, isVisible } from '../visible.js';
import type { ExperimentConfig } from './experiment-schema.js';
import type { WrittenPaths } from './file-paths.js';
import { LARGEST_CONFIG } from './read-yaml.js';

/**
 * The resolved config as YAML that loads again to the same config.
 *
 * @param written how paths were written, as comments beside them
 */
export function printConfig(config: ExperimentConfig, written: WrittenPaths = {}): string {
  const document = new Document(config, { aliasDuplicateObjects: false });
  for (const [key, text] of Object.entries(written)) {
    const node = document.getIn(key.split('.'), true);
    if (isScalar(node)) node.comment = ` as written: ${JSON.stringify(text)}`;
  }
  visit(document, {
    Scalar(_, scalar) {
      if (typeof scalar.value === 'string' && !isVisible(scalar.value)) {
        scalar.type = 'QUOTE_DOUBLE';
      }
    },
  });
  const text = document.toString({
    lineWidth: 100,
    flowCollectionPadding: false,
    doubleQuotedMinMultiLineLength: LARGEST_CONFIG, // a line end is written as such
  });
  return escapeSteering(text);
}
