declare module 'oled-font-5x7' {
  const font: {
    readonly width: number;
    readonly height: number;
    /** The characters, in the order of `fontData`. */
    readonly lookup: readonly string[];
    /** `width` columns per character; bit 0 of a column is its top pixel. */
    readonly fontData: readonly number[];
  };
  export default font;
}
