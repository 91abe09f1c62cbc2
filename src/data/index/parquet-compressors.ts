import type { Compressors } from 'hyparquet';

/** Loaded for the first Parquet file that is read: some are WebAssembly, which reserves address space when it starts. */
export async function parquetCompressors(): Promise<Compressors> {
  return (await import('hyparquet-compressors')).compressors;
}
