import type { Skipped } from '../loader/failure-policy.js';
import type { PixelMoments } from './moments.js';

/** What is known of the images of a data set as a config crops them. */
export interface DataStatistics extends PixelMoments {
  /** Images that were counted. */
  images: number;
  /** Images that were left out as undecodable. */
  undecodable: number;
  /** The first ten of them in the order that they were read in; paths below the data's root. */
  firstUndecodable: Skipped[];
  /** Fingerprint of the data set. */
  fingerprint: string;
}
