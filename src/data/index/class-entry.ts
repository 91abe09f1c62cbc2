/** What a file of class names says of one class. */
export interface ClassEntry {
  /** Its folder, or its label where that is text: `n01440764`. */
  key?: string;
  /** Its label where that is a number. */
  id: number;
  name: string;
}
