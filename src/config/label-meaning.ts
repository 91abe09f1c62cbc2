/** What the labels of a list file can be: names of classes, or positions in the class list, counted from 0. */
export const LABEL_MEANINGS = ['names', 'positions'] as const;
export type LabelMeaning = (typeof LABEL_MEANINGS)[number];
