/**
 * Index of the images in tar shards as WebDataset packs them: the members of a sample have one name up to the first
 * dot, and what follows it says what they are, `n01440764_18.jpg`, `n01440764_18.cls`.
 */
import { posix } from 'node:path';
import { DataError } from '../../errors.js';
import { messageOf } from '../../system-error.js';
import { pathOf, shown } from './file-names.js';
import { hasImageName } from './image-files.js';
import type { ColumnNames } from './list-row.js';
import { type ReadAt, type TarMember, tarMembers } from './tar-members.js';
import { oneForm } from './unicode-forms.js';

/** An image in a tar file. */
export interface TarImage {
  /** In the tar file. */
  name: string;
  offset: number;
  size: number;
  label: string;
}

/** The field that holds the label, unless the config says another. */
const LABEL = 'cls';
/** Labels, and the JSON that they may be in, are no longer than this. */
const MOST_LABEL = 1 << 20;

/** A sample's members by what they are, in lower case. */
type Fields = Map<string, TarMember>;

/**
 * @param file as it is shown
 * @param size of the file in bytes
 * @returns the images, in the order in which their samples begin
 * @throws DataError naming the member that cannot be used, and why
 */
export function tarImages(
  file: string,
  size: number,
  read: ReadAt,
  columns: ColumnNames,
): TarImage[] {
  const refusal = (member: string, why: string): DataError =>
    new DataError(`${file}: ${member}: ${why}`, COLUMNS);
  const { samples, members } = samplesOf(file, size, read);
  const images: TarImage[] = [];
  for (const [key, fields] of samples) {
    const picture = pictureOf(file, key, fields, columns.image);
    const label = labelOf(fields, columns.label);
    if (!picture && !label) continue; // a member that is no part of a sample, as a README
    const has = [...fields.keys()].join(', ');
    if (!picture) throw refusal(key, `has a label, but no image among ${has}`);
    if (!label) throw refusal(key, `has an image, but no ${columns.label ?? LABEL} among ${has}`);
    const contents = held(file, picture, members);
    const text = held(file, label.member, members);
    const name = nameOf(label.member);
    if (text.size > MOST_LABEL) throw refusal(name, `${text.size} bytes are no label`);
    images.push({
      name: nameOf(picture),
      offset: contents.offset,
      size: contents.size,
      label: textOf(file, name, read(text.offset, text.size), label.key),
    });
  }
  return images;
}

const COLUMNS = 'name what the members of a sample are: data.columns: {image: jpg, label: cls}';

function samplesOf(file: string, size: number, read: ReadAt) {
  const samples = new Map<string, Fields>();
  const members = new Map<string, TarMember>();
  try {
    for (const member of tarMembers(size, read)) {
      const name = nameOf(member);
      if (member.kind === 'other') continue;
      if (members.has(name)) throw new Error(`${name} is in it twice`);
      members.set(name, member);
      const parts = /^((?:.*\/)?[^./][^./]*)\.([^/]+)$/s.exec(name);
      if (!parts) continue;
      const [key, field] = [oneForm(parts[1]!), parts[2]!];
      const fields = samples.get(key) ?? new Map<string, TarMember>();
      samples.set(key, fields);
      const lower = field.toLowerCase();
      if (fields.has(lower)) throw new Error(`${key} has two members "${lower}"`);
      fields.set(lower, member);
    }
  } catch (error) {
    throw new DataError(`${file}: ${messageOf(error)}`, 'get this shard again, or leave it out');
  }
  return { samples, members };
}

const nameOf = ({ name }: TarMember): string => shown(pathOf(name)).replace(/^(\.\/)+/, '');

function pictureOf(
  file: string,
  key: string,
  fields: Fields,
  named: string | undefined,
): TarMember | undefined {
  if (named !== undefined) return fields.get(named.toLowerCase());
  const found = [...fields].filter(([field]) => !field.includes('.') && hasImageName(`x.${field}`));
  if (found.length < 2) return found[0]?.[1];
  throw new DataError(
    `${file}: ${key}: has ${found.length} images: ${found.map(([field]) => field).join(', ')}`,
    'say which is classified: data.columns: {image: jpg}',
  );
}

/** `json.label` is the value of `label` in the member `json`. */
function labelOf(
  fields: Fields,
  named = LABEL,
): { member: TarMember; key: string | null } | undefined {
  const whole = fields.get(named.toLowerCase());
  if (whole) return { member: whole, key: null };
  const [field, ...rest] = named.split('.');
  const json = rest.length > 0 && field?.toLowerCase() === 'json' ? fields.get('json') : undefined;
  return json && { member: json, key: rest.join('.') };
}

/** The member that has the contents: links are followed. @throws DataError if they lead nowhere, or it is sparse */
function held(file: string, member: TarMember, members: ReadonlyMap<string, TarMember>): TarMember {
  let found = member;
  for (let steps = 0; found.kind === 'link' || found.kind === 'symbolic'; steps++) {
    const target = shown(pathOf(found.target!));
    const path = found.kind === 'link' ? target : posix.join(posix.dirname(nameOf(found)), target);
    const next = members.get(path.replace(/^(\.\/)+/, ''));
    if (!next || steps > MOST_LINKS) {
      throw new DataError(
        `${file}: ${nameOf(member)}: is a link to ${path}, which is not in this file`,
        'pack the files themselves: tar --dereference --hard-dereference',
      );
    }
    found = next;
  }
  if (found.kind !== 'sparse') return found;
  throw new DataError(
    `${file}: ${nameOf(member)}: is stored with holes (a sparse member), so that its bytes do not lie in one piece`,
    'pack it without --sparse',
  );
}

const MOST_LINKS = 40;

function textOf(file: string, name: string, bytes: Buffer, key: string | null): string {
  let text = bytes.toString('utf8').trim();
  if (key !== null) {
    const value = jsonValue(bytes, key);
    if (typeof value !== 'string' && typeof value !== 'number') {
      throw new DataError(`${file}: ${name}: has no text or number "${key}"`, COLUMNS);
    }
    text = `${value}`.trim();
  }
  if (text !== '' && !/[\r\n\0]/.test(text)) return text;
  throw new DataError(
    `${file}: ${name}: ${JSON.stringify(text.slice(0, 40))} is no label`,
    COLUMNS,
  );
}

function jsonValue(bytes: Buffer, key: string): unknown {
  try {
    return (JSON.parse(bytes.toString('utf8')) as Record<string, unknown> | null)?.[key];
  } catch {
    return undefined;
  }
}
