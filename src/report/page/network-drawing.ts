import { h, type JSX } from 'preact';
import { useRef } from 'preact/hooks';
import type { FigureLayer, FigureLoss, NetworkFigure, RunReport } from '../page-data.js';
import { Numbers } from './controls.js';
import { count } from './format.js';
import { lossColor } from './theme.js';
import { useWidth } from './width.js';

/** Pixels: what lies where in the figure. */
const MAP_TOP = 74;
const MAP_HEIGHT = 96;
const LANE = 30;
const GAP = 16;
const HEAD = 96;
const LEFT = 46;
const ARROWHEAD = 11;
const LABEL_MARGIN = 8;
/** A letter of an arrow's label, on average. */
const LETTER = 6.6;

interface Placed {
  layer: FigureLayer;
  x: number;
  width: number;
}

/** The network as the paper's Figure 2 draws it: segments, heads, and each loss's range as a coloured flow. */
export function NetworkDrawing({ run }: { run: RunReport }): JSX.Element {
  const { network, method } = run;
  const scroll = useRef<HTMLDivElement>(null);
  const width = useWidth(scroll);
  const layers = network.segments.flatMap((segment) => segment.layers);
  const make = () => ({
    head: ['layer', 'what', 'output', 'parameters', 'trained by'],
    rows: layers.map((layer, at) => [
      layer.name,
      layer.what,
      layer.output.join('×'),
      layer.parameters,
      layer.trainable
        ? lossesAt(network, at)
            .map(({ name }) => name)
            .join(', ')
        : '',
    ]),
  });
  return h(
    'div',
    null,
    h(
      'div',
      {
        ref: scroll,
        class: 'scroll figure2',
        tabindex: 0,
        role: 'region',
        'aria-label': `network of ${run.label}`,
      },
      width > 0 && draw(network, method, width),
    ),
    h(Numbers, { caption: `Layers of ${run.label}`, summary: 'Layers', make }),
  );
}

function lossesAt({ losses }: NetworkFigure, at: number): FigureLoss[] {
  return losses.filter(({ tap, bottom }) => at >= bottom && at <= tap);
}

function draw(network: NetworkFigure, method: string, available: number): JSX.Element {
  const { segments, losses } = network;
  const layers = segments.flatMap((segment) => segment.layers);
  const units = layers.reduce((sum, layer) => sum + share(layer), 0);
  const fixed = LEFT + GAP * segments.length + HEAD + 40;
  const unit = Math.max(17, Math.min(64, (available - fixed) / units));
  const placed: Placed[] = [];
  const brackets: { name: string; x: number; width: number }[] = [];
  let x = LEFT;
  for (const { name, layers: members } of segments) {
    const start = x;
    for (const layer of members) {
      const width = unit * share(layer);
      placed.push({ layer, x, width });
      x += width;
    }
    brackets.push({ name, x: start, width: x - start });
    x += GAP;
  }
  const headX = x + 6;
  const names = 24 + 6.4 * Math.max(6, ...layers.filter(named).map(({ name }) => name.length));
  const lanesTop = MAP_TOP + MAP_HEIGHT + names + 34;
  const lanesEnd = lanesTop + LANE * losses.length;
  const width = headX + HEAD + 8;
  const height = lanesEnd + 30;
  // Without heads above the trunk their room is left out.
  const from = losses.length > 1 ? 0 : MAP_TOP - 20;
  return h(
    'svg',
    {
      width,
      height: height - from,
      viewBox: `0 ${from} ${width} ${height - from}`,
      role: 'img',
      'aria-label': `${method}: ${losses.map((loss) => rangeText(loss, layers)).join('; ')}`,
    },
    overlaps(network, placed, lanesEnd),
    inputArrow(),
    placed.map((place, at) => layerBox(network, place, at)),
    brackets.map((one) => bracket(one, MAP_TOP + MAP_HEIGHT + names + 4)),
    losses.flatMap((loss, i) => headAndFlow(network, loss, i, placed, headX, lanesTop)),
  );
}

/** Layers with parameters are wide enough for a name. */
const share = (layer: FigureLayer): number => (named(layer) ? 1 : 0.45);

const named = ({ parameters }: FigureLayer): boolean => parameters > 0;

function layerHeight(network: NetworkFigure, layer: FigureLayer): number {
  const side = (shape: readonly number[]): number => (shape.length > 1 ? shape[0]! : 1);
  const most = Math.log2(side(network.input) + 1);
  return 26 + (MAP_HEIGHT - 26) * (Math.log2(side(layer.output) + 1) / most);
}

/** Filled by the losses that train it, side by side in height; grey where nothing is trained. */
function layerBox(network: NetworkFigure, { layer, x, width }: Placed, at: number): JSX.Element {
  const height = layerHeight(network, layer);
  const top = MAP_TOP + (MAP_HEIGHT - height) / 2;
  const trained = layer.trainable ? lossesAt(network, at) : [];
  const part = height / Math.max(1, trained.length);
  const box = { x: x + 1.5, width: Math.max(3, width - 3) };
  const middle = x + width / 2 + 4;
  const transform = `translate(${middle} ${MAP_TOP + MAP_HEIGHT + 8}) rotate(-90)`;
  const label = h('text', { class: 'name', transform }, layer.name);
  return h(
    'g',
    null,
    h(
      'title',
      null,
      `${layer.name}: ${layer.what}, output ${layer.output.join('×')}, ${count(layer.parameters)} parameters` +
        (trained.length > 0 ? `, trained by ${trained.map(({ name }) => name).join(' and ')}` : ''),
    ),
    trained.map((loss, i) =>
      h('rect', {
        ...box,
        y: top + i * part,
        height: part,
        style: `fill:var(${lossColor(loss.place)})`,
        class: 'trained',
      }),
    ),
    h('rect', {
      ...box,
      y: top,
      height,
      rx: 3,
      class: trained.length > 0 ? 'layer' : 'layer idle',
    }),
    named(layer) && label,
  );
}

function bracket(
  { name, x, width }: { name: string; x: number; width: number },
  y: number,
): JSX.Element {
  return h(
    'g',
    null,
    h('path', { d: `M${x + 2} ${y - 5}v5h${width - 4}v-5`, class: 'bracket' }),
    h('text', { x: x + width / 2, y: y + 17, class: 'segment' }, name),
  );
}

function inputArrow(): JSX.Element {
  const y = MAP_TOP + MAP_HEIGHT / 2;
  return h(
    'g',
    null,
    h('text', { x: 0, y: y - 10, class: 'small' }, 'images'),
    h('path', { d: `M2 ${y}h34m-6 -5l6 5l-6 5`, class: 'wire' }),
  );
}

/** A band behind what the same losses, more than one, train. */
function overlaps(
  network: NetworkFigure,
  placed: readonly Placed[],
  lanesEnd: number,
): JSX.Element[] {
  const shared = placed.map((_, at) => {
    const names = lossesAt(network, at).map(({ name }) => name);
    return names.length > 1 ? names.join(' and ') : '';
  });
  const bands: JSX.Element[] = [];
  for (let at = 0; at < placed.length; at++) {
    if (!shared[at] || shared[at - 1] === shared[at]) continue;
    let end = at;
    while (shared[end + 1] === shared[at]) end += 1;
    const x = placed[at]!.x - 4;
    const width = placed[end]!.x + placed[end]!.width + 4 - x;
    bands.push(
      h(
        'g',
        null,
        h('rect', {
          x,
          y: MAP_TOP - 12,
          width,
          height: lanesEnd - MAP_TOP + 14,
          rx: 8,
          class: 'overlap',
        }),
        h('text', { x: x + width / 2, y: lanesEnd + 18, class: 'small middle' }, 'overlap'),
      ),
    );
  }
  return bands;
}

/** A head beside the trunk or above it, and its loss's signal on the way down, as far as its range goes. */
function headAndFlow(
  network: NetworkFigure,
  loss: FigureLoss,
  index: number,
  placed: readonly Placed[],
  headX: number,
  lanesTop: number,
): JSX.Element[] {
  const style = `--flow:var(${lossColor(loss.place)})`;
  const tap = placed[loss.tap]!;
  const tapX = tap.x + tap.width;
  const atEnd = loss.tap === placed.length - 1;
  const same = network.losses.filter((other) => other.tap === loss.tap);
  const box = atEnd
    ? { x: headX, y: MAP_TOP + MAP_HEIGHT / 2 - 23 - 54 * same.indexOf(loss) }
    : { x: tapX - HEAD / 2 + 8, y: 4 };
  const trained = loss.head.filter(({ parameters }) => parameters > 0).map(({ type }) => type);
  const layers = trained.length > 3 ? `${trained.length} layers` : trained.join(' · ');
  const middle = box.y + 23;
  const wire = atEnd
    ? `M${tapX + 2} ${MAP_TOP + MAP_HEIGHT / 2}H${headX}`
    : `M${tapX + GAP / 2} ${MAP_TOP + MAP_HEIGHT / 2}H${tapX + 8}V${box.y + 46}`;
  const y = lanesTop + index * LANE + LANE / 2;
  const start = atEnd ? headX + HEAD / 2 : tapX + 8;
  const elements: JSX.Element[] = [
    h('path', { d: wire, class: 'wire' }),
    h(
      'g',
      { style },
      h(
        'title',
        null,
        `head of ${loss.name}: ${loss.head.map(({ name, what }) => `${name} ${what}`).join(', ')}`,
      ),
      h('rect', { ...box, width: HEAD, height: 46, rx: 7, class: 'head' }),
      h('text', { x: box.x + HEAD / 2, y: middle - 3, class: 'middle strong' }, loss.name),
      h(
        'text',
        { x: box.x + HEAD / 2, y: middle + 13, class: 'middle small' },
        layers.replace('batchnorm', 'bn'),
      ),
    ),
  ];
  const change = loss.weightChange === null ? '' : ' …';
  const weight = loss.weight === 1 && change === '' ? '' : ` × ${loss.weight}${change}`;
  const label = loss.name + weight;
  const bottom = placed[loss.bottom];
  if (loss.bottom > loss.tap || !bottom) return elements;
  const end = bottom.x;
  const down = atEnd ? box.y + 46 : MAP_TOP + MAP_HEIGHT / 2;
  elements.push(
    h(
      'g',
      { style, class: 'flow' },
      h(
        'title',
        null,
        rangeText(
          loss,
          placed.map(({ layer }) => layer),
        ),
      ),
      h('path', { d: `M${start} ${down}V${y}`, class: 'down' }),
      h('path', {
        d: `M${start} ${y - 7}H${end + 9}v-5l-11 12l11 12v-5H${start}z`,
        class: 'bar',
      }),
      flowLabel(label, { start, end, y, atEnd }),
    ),
  );
  return elements;
}

/** What is written on the arrow of a loss; beside it where it is too short for that. */
function flowLabel(
  label: string,
  { start, end, y, atEnd }: { start: number; end: number; y: number; atEnd: boolean },
): JSX.Element {
  const room = start - end - ARROWHEAD - LABEL_MARGIN;
  if (label.length * LETTER <= room) {
    return h('text', { x: start - LABEL_MARGIN, y: y + 4, class: 'onbar' }, label);
  }
  // Behind the last head the drawing ends: there it goes before the arrow's point.
  const beside = atEnd
    ? { x: end - LABEL_MARGIN, class: 'bybar before' }
    : { x: start + LABEL_MARGIN, class: 'bybar' };
  return h('text', { ...beside, y: y + 4 }, label);
}

function rangeText(
  { name, weight, weightChange, tap, bottom }: FigureLoss,
  layers: readonly FigureLayer[],
): string {
  const range =
    bottom > tap ? 'its head only' : `${layers[tap]!.name} down to ${layers[bottom]!.name}`;
  return `loss ${name}, weight ${weightChange ?? weight}: ${range}`;
}
