/** What a line chart shows. */
export interface Line {
  label: string;
  /** Custom property of the style sheet, or any CSS colour. */
  color: string;
  x: readonly number[];
  /** Null, and on a logarithmic axis values up to zero, are gaps. */
  y: readonly (number | null)[];
  /** `faint` draws a thin line, `bold` a thick one with a dot at each value, `dashed` what it says. */
  style: 'faint' | 'plain' | 'bold' | 'dashed';
  /** Drawn, but neither named nor in the numbers: the raw values behind a smoothed line. */
  shadow?: boolean;
  /** Of means: the standard deviation at each value, drawn as a band. */
  spread?: readonly number[];
  /** Of estimates: the ends of the interval at each value, drawn as a band; null where there is none. */
  interval?: readonly (readonly [low: number, high: number] | null)[];
  /** What the band is; the standard deviation unless said. */
  spreadName?: string;
  /** Where what is drawn is smoothed: the values themselves. */
  exact?: readonly (number | null)[];
}

export interface ChartSpec {
  title: string;
  note?: string;
  xLabel: string;
  /** What the vertical axis shows, with its unit. */
  yLabel: string;
  /** Names of x = 0, 1, …; without them x is a number. */
  categories?: readonly string[];
  log?: boolean;
  range?: [number, number];
  format?: (value: number) => string;
  lines: readonly Line[];
  /** Charts of one group share the cursor and the zoom. */
  group?: string;
  height?: number;
  /** Names the lines above the plot. */
  legend?: boolean;
}
