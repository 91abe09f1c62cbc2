const UNITS = ['', ' k', ' M', ' G', ' T', ' P', ' E', ' Z'];

/** `12.3 T`: three digits and a unit. */
export function countText(value: number): string {
  const unit = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(value || 1) / 3)));
  const scaled = value / 1000 ** unit;
  return `${unit === 0 ? String(Math.round(scaled)) : Number(scaled.toPrecision(3))}${UNITS[unit]}`;
}

/** `5.2 GiB`, `420 MiB`, `1.5 MiB` */
export function sizeText(bytes: number): string {
  const mebibytes = bytes / 2 ** 20;
  if (mebibytes >= 1024) return `${(mebibytes / 1024).toFixed(1)} GiB`;
  return `${mebibytes.toFixed(mebibytes >= 10 ? 0 : 1)} MiB`;
}
