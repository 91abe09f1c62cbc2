/** `1.234`; in scientific form where that would be a row of digits, or zero. */
export function lossText(loss: number, digits = 3): string {
  const size = Math.abs(loss);
  const plain = size === 0 || !Number.isFinite(loss) || (size >= 10 ** -digits && size < 1e5);
  return plain ? loss.toFixed(digits) : loss.toExponential(2);
}

/** `1 h 20 min`, `3 min 5 s`, `42 s` */
export function timeText(seconds: number): string {
  const whole = Math.round(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h > 0 ? `${h} h ${m} min` : m > 0 ? `${m} min ${s} s` : `${s} s`;
}

const UNITS = [
  { unit: 'd', seconds: 86_400 },
  { unit: 'h', seconds: 3600 },
  { unit: 'min', seconds: 60 },
  { unit: 's', seconds: 1 },
] as const;

/** `5 s`, `12 min`, `3 h`, `40 d` */
export function ageText(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const largest = UNITS.find((one) => whole >= one.seconds) ?? UNITS.at(-1)!;
  return `${Math.floor(whole / largest.seconds)} ${largest.unit}`;
}
