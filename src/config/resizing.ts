/** How images are resized and cut: the names of the filters, and whose rounding of sizes and places. */
export const INTERPOLATIONS = ['lanczos3', 'bilinear', 'bicubic'] as const;
export type Interpolation = (typeof INTERPOLATIONS)[number];

export const SIZE_PROTOCOLS = ['relaybp', 'torchvision'] as const;
export type SizeProtocol = (typeof SIZE_PROTOCOLS)[number];

export interface Resizing {
  readonly interpolation: Interpolation;
  readonly protocol: SizeProtocol;
}

export const USUAL_RESIZING: Resizing = { interpolation: 'lanczos3', protocol: 'relaybp' };

/** Whether images are resized as Pillow does it, from all of their pixels, in place of the usual, faster way. */
export const isAsPillow = ({ interpolation, protocol }: Resizing): boolean =>
  interpolation !== USUAL_RESIZING.interpolation || protocol !== USUAL_RESIZING.protocol;
