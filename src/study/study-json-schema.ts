import { type JsonSchema, jsonSchemaOf } from '../config/json-schema.js';
import { sections } from '../config/reference.js';
import { studySchema } from './study-schema.js';

/** The JSON Schema of a study, for editors. */
export const studyFileSchema = (): JsonSchema => ({
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'relaybp study, version 1',
  description: 'What relaybp study compares, tunes and repeats.',
  ...jsonSchemaOf(studySchema),
});

/** Every key of a study, as Markdown (docs/study-keys.md). */
export const studyReference = (): string =>
  [INTRODUCTION, ...sections('The study', jsonSchemaOf(studySchema))].join('\n');

const INTRODUCTION = `<!-- Made from src/study by: npm run generate -->
# Every key of a study

What a study is, and how it is run: [studies.md](studies.md). Editors that know YAML schemas complete and explain all keys where a study begins with

\`\`\`yaml
# yaml-language-server: $schema=../schema/relaybp-study.schema.json
\`\`\`

the path being relative to the study. \`relaybp schema --study > relaybp-study.schema.json\` writes that schema.
`;
