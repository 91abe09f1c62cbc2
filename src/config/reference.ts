import { completeSchema, type JsonSchema } from './json-schema.js';

/**
 * The config reference (docs/config.md), as Markdown: every key with its type, its default and what it does, out of
 * the same schema that checks configs.
 */
export function configReference(): string {
  const schema = completeSchema();
  const layer = schema.definitions!.layer!;
  return [
    INTRODUCTION,
    ...sections('The config', schema),
    LAYERS,
    `${kindTable(layer)}\n`,
    ...objectsOf(layer, '').map(([path, about, part]) => section(path, about, part, path)),
  ].join('\n');
}

/** A section for the whole of it, and one for each mapping within, as Markdown. */
export const sections = (title: string, schema: JsonSchema): string[] => [
  section(title, 'Top level.', schema, ''),
  ...objectsOf(schema, '').map(([path, about, part]) => section(path, about, part, path)),
];

const INTRODUCTION = `<!-- Made from src/config by: npm run generate -->
# Every key of a config

A config is a YAML file. \`relaybp plan CONFIG --print-config\` prints it whole, with every default filled in. A file may state differences only: \`extends: other.yaml\`, or a list, the later over the earlier. Then mappings merge key by key, segments and losses by name, and the rest is replaced; \`null\` deletes a key that the other file or the schema has, \`remove: true\` drops a segment or a loss. \`model.defaults: {conv: {bias: false}}\` fills in every layer of a kind. \`\${NAME:-default}\` in a text is taken from the environment.

**Durations** are a number of epochs (\`30\`), or text with a unit: \`"30 epochs"\`, \`"500 steps"\`.

Editors that know YAML schemas complete and explain all keys where a config begins with

\`\`\`yaml
# yaml-language-server: $schema=../schema/relaybp.schema.json
\`\`\`

the path being relative to the config. \`relaybp schema > relaybp.schema.json\` writes that schema.
`;

const LAYERS = `## Layers

A list of layers holds mappings with exactly one key each, the kind. More about some of them: [layers.md](layers.md).
`;

/** A mapping as a table; several forms (by \`type\`) as a table each. */
function section(title: string, about: string, schema: JsonSchema, path: string): string {
  const forms = schema.oneOf ?? [schema];
  const heading = path === '' ? `## ${title}` : `## \`${title}\``;
  return [heading, '', about, '', ...forms.map((form) => table(form, path))].join('\n');
}

function table(schema: JsonSchema, path: string): string {
  const rows = Object.entries(schema.properties ?? {}).map(([key, part]) => {
    return row([
      `**${key}**`,
      typeOf(part, path === '' ? key : `${path}.${key}`),
      defaultOf(key, part, schema),
      part.description ?? '',
    ]);
  });
  return `${[row(['key', 'type', 'default', 'meaning']), row(['---', '---', '---', '---']), ...rows].join('\n')}\n`;
}

function kindTable(layer: JsonSchema): string {
  const rows = Object.entries(layer.properties ?? {}).map(([kind, part]) =>
    row([`**${kind}**`, typeOf(part, kind), part.description ?? '']),
  );
  return [row(['kind', 'type', 'meaning']), row(['---', '---', '---']), ...rows].join('\n');
}

const row = (cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;

function defaultOf(key: string, part: JsonSchema, parent: JsonSchema): string {
  if (part.default !== undefined) return `\`${inYaml(part.default)}\``;
  return parent.required?.includes(key) ? 'required' : '';
}

const inYaml = (value: unknown): string =>
  typeof value === 'string'
    ? value
    : Array.isArray(value)
      ? `[${value.map((item) => (typeof item === 'number' ? Number(item.toFixed(4)) : item)).join(', ')}]`
      : typeof value === 'object' && value !== null
        ? `{${Object.entries(value)
            .map(([key, item]) => `${key}: ${item}`)
            .join(', ')}}`
        : String(value);

/** The mappings within a schema, outermost first, with their key paths. */
function objectsOf(schema: JsonSchema, path: string): [string, string, JsonSchema][] {
  return (schema.oneOf ?? [schema]).flatMap((form) =>
    Object.entries(form.properties ?? {}).flatMap(([key, part]) => {
      const at = path === '' ? key : `${path}.${key}`;
      const found = objectIn(part, at);
      if (!found) return [];
      const [where, inner] = found;
      const about = part.description ?? '';
      return [[where, about, inner] as [string, string, JsonSchema], ...objectsOf(inner, where)];
    }),
  );
}

/** The mapping that a key holds itself, as one of several forms, or in a list. */
function objectIn(part: JsonSchema, path: string): [string, JsonSchema] | undefined {
  if (part.properties || part.oneOf?.some((form) => form.properties)) return [path, part];
  const options = (part.anyOf ?? []).flatMap((form) => {
    const found = objectIn(form, path);
    return found ? [found] : [];
  });
  if (options[0]) return [options[0][0], mostKeys(options.map(([, inner]) => inner))];
  const items = Array.isArray(part.items) ? undefined : part.items;
  return items?.properties ? [`${path}[]`, items] : undefined;
}

/** Of a mapping and the like in a list, with more keys there: that which has all of them. */
const mostKeys = (forms: readonly JsonSchema[]): JsonSchema =>
  forms.reduce((most, form) => (keyCount(form) > keyCount(most) ? form : most));

const keyCount = ({ properties = {} }: JsonSchema): number => Object.keys(properties).length;

/** A type in few words. */
function typeOf(part: JsonSchema, path: string): string {
  if (part.title !== undefined) return part.title;
  if (part.$ref ?? part.allOf) return 'layer';
  if (part.const !== undefined) return `\`${part.const}\``;
  if (part.enum) return part.enum.map((value) => `\`${value}\``).join(', ');
  const options = part.anyOf ?? part.oneOf;
  if (options) {
    if (options.every((option) => option.properties)) return `[mapping](#${anchor(path)})`;
    return [...new Set(options.map((option) => typeOf(option, path)))].join(' or ');
  }
  if (part.properties) return `[mapping](#${anchor(path)})`;
  if (Array.isArray(part.items)) {
    return `[${part.items.map((item) => typeOf(item, path)).join(', ')}]`;
  }
  if (part.type === 'array') {
    const item = part.items!;
    if (item.properties) return `list of [mappings](#${anchor(`${path}[]`)})`;
    return `list of ${plural(typeOf(item, path))}`;
  }
  if (part.type === 'string') return part.pattern?.startsWith('^[A-Za-z]') ? 'name' : 'text';
  if (part.type === 'integer' || part.type === 'number') return `${part.type}${bounds(part)}`;
  return String(part.type);
}

const plural = (what: string): string => what.replace(/^(integer|number|layer|name|list)/, '$1s');

function bounds(part: JsonSchema): string {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = part;
  const limits = [
    ...(minimum === undefined ? [] : [`≥ ${minimum}`]),
    ...(exclusiveMinimum === undefined
      ? []
      : [part.type === 'integer' ? `≥ ${exclusiveMinimum + 1}` : `> ${exclusiveMinimum}`]),
    ...(maximum === undefined ? [] : [`≤ ${maximum}`]),
    ...(exclusiveMaximum === undefined ? [] : [`< ${exclusiveMaximum}`]),
  ];
  return limits.length === 0 ? '' : ` ${limits.join(' and ')}`;
}

/** As GitHub makes them of a heading that is code. */
const anchor = (heading: string): string => heading.toLowerCase().replace(/[^\w-]/g, '');
