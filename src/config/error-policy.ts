/** What is done about an image that cannot be decoded: `skip` leaves it out, `fail` stops at the first one. */
export const ERROR_POLICIES = ['skip', 'fail'] as const;
export type ErrorPolicy = (typeof ERROR_POLICIES)[number];
