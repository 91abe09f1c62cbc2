/** `average`: mean of probabilities (paper, §4), weighted if weights are given; `product`: their product, normalised. */
export const COMBINES = ['average', 'product'] as const;
export type Combine = (typeof COMBINES)[number];
