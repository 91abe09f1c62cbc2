/** So many files, or a share of all of them. */
import { z } from 'zod';

export const fileLimitSchema = z
  .union([z.int().nonnegative(), z.string().regex(/^\s*(100|\d{1,2}(\.\d+)?)\s*%\s*$/)], {
    error: 'limit: a number of files, or a share of the images such as "5 %"',
  })
  .meta({ title: 'files' });

export type FileLimit = z.infer<typeof fileLimitSchema>;

/** The number of files, of a share rounded down. @param images all there are */
export const mostFiles = (limit: FileLimit, images: number): number =>
  typeof limit === 'number' ? limit : Math.floor((Number.parseFloat(limit) / 100) * images);

/** `100`, or `5 % of 142 images are 7` */
export const describeLimit = (limit: FileLimit, images: number): string =>
  typeof limit === 'number' ? `${limit}` : `${mostFiles(limit, images)} (${limit} of ${images})`;
