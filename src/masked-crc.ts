import crc32c from 'crc-32/crc32c.js';

/**
 * CRC-32C, rotated and shifted as TensorFlow's files have it, so that checksums of data that hold checksums stay good
 * ones.
 */
export function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c.buf(bytes) >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
