import type { DataConfig } from '../config/experiment-schema.js';
import type { ImageIndex } from '../data/index/image-index.js';
import type { IndexCache } from '../data/index/index-cache.js';
import { DataError } from '../errors.js';
import { openTrainingImages, openValidationImages } from '../experiment/images.js';

/** The images of a config. */
export interface StudyImages {
  readonly train: ImageIndex;
  readonly val: ImageIndex;
}

/** The images of all runs, each data set opened once. */
export class StudyData {
  private readonly opened = new Map<string, StudyImages | null>();

  constructor(
    private readonly cache: IndexCache,
    private readonly notice: (line: string) => void,
  ) {}

  /** @throws DataError if they cannot be found */
  async open(data: DataConfig): Promise<StudyImages> {
    const key = JSON.stringify(data);
    const known = this.opened.get(key);
    if (known) return known;
    const train = await openTrainingImages(data, this.notice, this.cache);
    const images = {
      train,
      val: await openValidationImages(data, train.classes, this.notice, this.cache),
    };
    this.opened.set(key, images);
    return images;
  }

  /** The same, and null, with a notice, where they are not here. */
  async find(data: DataConfig): Promise<StudyImages | null> {
    const key = JSON.stringify(data);
    if (this.opened.has(key)) return this.opened.get(key)!;
    try {
      return await this.open(data);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      if (![...this.opened.values()].includes(null))
        this.notice(`without images: ${error.message}`);
      this.opened.set(key, null);
      return null;
    }
  }
}
