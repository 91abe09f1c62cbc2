import type { Side } from './choices.js';

/** The network for a size: its segments as YAML, from the image up. The auxiliary loss taps below the last one. */
export interface Segment {
  name: string;
  /** `[height, width]` of its output map. */
  map: number;
  layers: readonly string[];
}

const pool = 'maxpool: {size: 3, stride: 2, padding: 1}';

/** What the networks for 64 and 112 have above their first segment. @param map of the second one's output */
const upperSegments = (map: number): Segment[] => [
  {
    name: 'seg2',
    map,
    layers: ['conv: {filters: 64, kernel: 3}', pool, 'conv: {filters: 128, kernel: 3, repeat: 2}'],
  },
  {
    name: 'seg3',
    map: 4,
    layers: [
      pool,
      'conv: {filters: 192, kernel: 3, dropout: 0.1}',
      'conv: {filters: 192, kernel: 3}',
    ],
  },
];

/**
 * Plain stacks of convolutions with batch normalization; each segment but the last halves the map at least once. The
 * one for 112 is that of configs/scenes-small-relay.yaml, where its accuracy is written down.
 */
export const NETWORKS: Readonly<Record<Side, readonly Segment[]>> = {
  32: [
    { name: 'seg1', map: 16, layers: ['conv: {filters: 32, kernel: 3}', 'maxpool: {size: 2}'] },
    {
      name: 'seg2',
      map: 8,
      layers: ['conv: {filters: 64, kernel: 3, repeat: 2}', 'maxpool: {size: 2}'],
    },
    {
      name: 'seg3',
      map: 8,
      layers: ['conv: {filters: 128, kernel: 3, dropout: 0.1}', 'conv: {filters: 128, kernel: 3}'],
    },
  ],
  64: [
    {
      name: 'seg1',
      map: 16,
      layers: ['conv: {filters: 32, kernel: 5, stride: 2}', pool, 'conv: {filters: 48, kernel: 3}'],
    },
    ...upperSegments(8),
  ],
  112: [
    {
      name: 'seg1',
      map: 14,
      layers: ['conv: {filters: 32, kernel: 7, stride: 4}', pool, 'conv: {filters: 48, kernel: 3}'],
    },
    ...upperSegments(7),
  ],
  224: [
    { name: 'seg1', map: 28, layers: ['conv: {filters: 64, kernel: 7, stride: 4}', pool] },
    {
      name: 'seg2',
      map: 14,
      layers: ['conv: {filters: 128, kernel: 3, repeat: 2}', pool],
    },
    {
      name: 'seg3',
      map: 7,
      layers: ['conv: {filters: 256, kernel: 3, repeat: 2}', pool],
    },
    {
      name: 'seg4',
      map: 7,
      layers: ['conv: {filters: 384, kernel: 3, dropout: 0.1}', 'conv: {filters: 384, kernel: 3}'],
    },
  ],
};
