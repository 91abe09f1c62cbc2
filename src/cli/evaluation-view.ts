import type { CompareResult } from '../commands/compare.js';
import type { EvalResult } from '../commands/eval.js';
import { lossText } from '../terminal/words.js';

/** More classes are shown only where they are hardest. */
const CLASSES_SHOWN = 20;
const HARDEST_SHOWN = 5;

/** An evaluation for people. */
export function evalLines(result: EvalResult): string[] {
  const { images, loss, top1, top1_err, top5, top5_err, imagesPerSecond } = result;
  const speed = imagesPerSecond === null ? '' : `  ${imagesPerSecond} img/s`;
  return [
    ...(result.members ?? []).map(({ source, weight }) => {
      return `member${weight === null ? '' : `  weight ${weight.toFixed(4)}`}  ${source}`;
    }),
    ...(result.fittedOn === undefined ? [] : [`weights fitted on ${result.fittedOn} other images`]),
    `${images} images  loss ${lossText(loss, 4)}  top-1 ${top1.toFixed(2)} % (error ${top1_err.toFixed(2)} %)  top-5 ${top5.toFixed(2)} % (error ${top5_err.toFixed(2)} %)${speed}`,
    `95 % intervals of the error: top-1 ${range(result.top1_err_interval)} %, top-5 ${range(result.top5_err_interval)} %`,
    `macro averages: precision ${share(result.macro.precision)}, recall ${share(result.macro.recall)}, F1 ${share(result.macro.f1)}; calibration error ${result.calibration.ece?.toFixed(2) ?? '–'} points`,
    ...classLines(result),
  ];
}

function classLines({ perClass }: EvalResult): string[] {
  const tested = perClass.filter(({ images }) => images > 0);
  if (perClass.length > CLASSES_SHOWN) {
    const hardest = tested.sort((a, b) => a.top1! - b.top1!).slice(0, HARDEST_SHOWN);
    const list = hardest.map((each) => `${each.class} ${each.top1!.toFixed(1)} %`);
    return [`hardest classes (top-1): ${list.join(', ')}; all of them: --per-class FILE`];
  }
  const width = Math.max(...tested.map((each) => each.class.length));
  return tested.map(
    (each) =>
      `  ${each.class.padEnd(width)}  ${String(each.images).padStart(5)} images  ` +
      `top-1 ${each.top1!.toFixed(1).padStart(5)} %  top-5 ${each.top5!.toFixed(1).padStart(5)} %  ` +
      `precision ${share(each.precision)}  F1 ${share(each.f1)}`,
  );
}

/** A comparison for people. */
export function compareLines(result: CompareResult): string[] {
  const line = (name: 'top1' | 'top5', label: string): string => {
    const { a, b, difference, interval, onlyA, onlyB } = result[name];
    return (
      `${label}  A ${a.toFixed(2)} %  B ${b.toFixed(2)} %  B − A ${signed(difference)} points ` +
      `(95 %: ${signed(interval[0])} to ${signed(interval[1])})  right in A only ${onlyA}, in B only ${onlyB}`
    );
  };
  return [
    `A: ${result.a}`,
    `B: ${result.b}`,
    `${result.images} images of ${result.data}`,
    line('top1', 'top-1'),
    line('top5', 'top-5'),
  ];
}

/** Of a class that no image was taken for there is no precision. */
const share = (value: number | null): string => (value === null ? '–' : `${value.toFixed(1)} %`);

const range = ([low, high]: readonly [number, number]): string =>
  `${low.toFixed(2)}–${high.toFixed(2)}`;

const signed = (value: number): string => (value > 0 ? '+' : '') + value.toFixed(2);
