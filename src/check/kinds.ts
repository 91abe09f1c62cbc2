/** What `relaybp data check` can find out about an image. */

export interface Kind {
  /** In the JSON report. */
  readonly name: string;
  /** For people, after a number of images. */
  readonly title: string;
  /** Training skips such an image, or learns or measures something wrong from it. */
  readonly problem: boolean;
}

/** Position in this list: the bit of an image's findings. */
export const KINDS = [
  { name: 'zeroByte', title: 'of zero bytes', problem: true },
  { name: 'truncated', title: 'cut off', problem: true },
  { name: 'undecodable', title: 'undecodable', problem: true },
  { name: 'tooLarge', title: 'of too many pixels', problem: true },
  { name: 'conflictingLabels', title: 'with a copy in another class', problem: true },
  { name: 'inSeveralParts', title: 'with a copy in another part', problem: true },
  { name: 'duplicate', title: 'copies of another one in their class', problem: false },
  { name: 'tooSmall', title: 'small', problem: false },
  { name: 'wrongExtension', title: 'of another format than their name says', problem: false },
  { name: 'grayscale', title: 'grayscale', problem: false },
  { name: 'cmyk', title: 'CMYK', problem: false },
  { name: 'alpha', title: 'with transparency', problem: false },
  { name: 'sixteenBit', title: 'of 16 bits per channel', problem: false },
  { name: 'rotated', title: 'turned or mirrored by EXIF', problem: false },
  { name: 'alikeInSeveralParts', title: 'that look like one in another part', problem: true },
  { name: 'lookAlike', title: 'that look like another one in their part', problem: false },
  { name: 'changed', title: 'changed since the index was made', problem: false },
] as const satisfies readonly Kind[];

export type KindName = (typeof KINDS)[number]['name'];

/** The bit of a kind. */
export const bitOf = (name: KindName): number => 1 << KINDS.findIndex((kind) => kind.name === name);

/** No kind, but a bit beside theirs: the file could not be read, so that its contents are not known. */
export const UNREAD = 1 << 30;

/** The bits of all kinds that are problems. */
export const PROBLEMS = KINDS.reduce(
  (bits, { problem }, i) => (problem ? bits | (1 << i) : bits),
  0,
);
