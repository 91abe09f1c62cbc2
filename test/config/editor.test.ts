import { copyFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { getLanguageService, type LanguageService } from 'yaml-language-server';
import { folderWith } from '../support/configs.js';

/** yaml-language-server, what editors use, on configs as they are written here: it finds the schema by their first line. */

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MODELINE = '# yaml-language-server: $schema=../schema/relaybp.schema.json\n';

function service(): LanguageService {
  const languageService = getLanguageService({
    schemaRequestService: (uri) => readFile(fileURLToPath(uri), 'utf8'),
    workspaceContext: {
      resolveRelativePath: (relative, resource) =>
        pathToFileURL(resolve(dirname(fileURLToPath(resource)), relative)).href,
    },
  } as Parameters<typeof getLanguageService>[0]);
  languageService.configure({ validate: true, hover: true, completion: true });
  return languageService;
}

let edits = 0; // the server keeps what it has parsed by the version of a document

/** A config with the cursor at `|`. */
function at(yaml: string) {
  const text = MODELINE + yaml;
  const offset = text.indexOf('|');
  const uri = pathToFileURL(join(ROOT, 'configs/new.yaml')).href;
  const document = TextDocument.create(uri, 'yaml', ++edits, text.replace('|', ''));
  return { document, position: document.positionAt(offset) };
}

const editor = service();

async function completions(yaml: string): Promise<string[]> {
  const { document, position } = at(yaml);
  const { items } = await editor.doComplete(document, position, false);
  return items.map((item) => item.label);
}

async function hover(yaml: string): Promise<string> {
  const { document, position } = at(yaml);
  const found = await editor.doHover(document, position);
  return JSON.stringify(found?.contents ?? null);
}

describe('an editor', () => {
  it('completes keys at the top and inside', async () => {
    expect(await completions('version: 1\n|')).toEqual(
      expect.arrayContaining(['extends', 'data', 'losses', 'training']),
    );
    expect(await completions('training:\n  |')).toEqual(
      expect.arrayContaining(['epochs', 'steps', 'batchSize', 'microBatch', 'logEvery']),
    );
    const layer = 'model:\n  segments:\n    - name: seg1\n      layers:\n        - |';
    expect(await completions(layer)).toEqual(
      expect.arrayContaining(['conv', 'maxpool', 'residual', 'branches']),
    );
  });

  it('completes values', async () => {
    expect(await completions('data:\n  sampler: |')).toEqual(
      expect.arrayContaining(['class-aware', 'shuffle', 'sequential']),
    );
    expect(await completions('schedule:\n  type: |')).toEqual(
      expect.arrayContaining(['constant', 'step', 'plateau', 'cosine']),
    );
  });

  it('explains keys', async () => {
    expect(await hover('training:\n  micro|Batch: 16\n')).toContain(
      'gradients are accumulated to those of the batch',
    );
    const range = 'losses:\n  - name: a\n    range: {down|To: seg1}\n';
    expect(await hover(range)).toContain('The lowest segment or layer');
  });

  it('finds a schema beside the config', async () => {
    const folder = folderWith({});
    copyFileSync(join(ROOT, 'schema/relaybp.schema.json'), join(folder, 'relaybp.schema.json'));
    const text = '# yaml-language-server: $schema=relaybp.schema.json\ntraining: {batchsize: 3}\n';
    const uri = pathToFileURL(join(folder, 'photos.yaml')).href;
    const found = await editor.doValidation(TextDocument.create(uri, 'yaml', 1, text), false);
    expect(found.map(({ message }) => message)).toEqual(['Property batchsize is not allowed.']);
  });

  it('marks mistakes, and nothing in a config of ours', async () => {
    const wrong = at('training: {batchsize: 3}\n|');
    const found = await editor.doValidation(wrong.document, false);
    expect(found.map(({ message }) => message)).toEqual(['Property batchsize is not allowed.']);
    const path = join(ROOT, 'configs/demo-emoji.yaml');
    const text = await readFile(path, 'utf8');
    const demo = TextDocument.create(pathToFileURL(path).href, 'yaml', 1, text);
    expect(await editor.doValidation(demo, false)).toEqual([]);
  });
});
