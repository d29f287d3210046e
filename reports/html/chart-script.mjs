// Runs in the reader's browser, inside report.html: draws what stands in #chart-data with uPlot, and links the cursors.
// It gets numbers and names as data alone and writes them with textContent, so that no text of a run becomes markup.
/* global document, uPlot, matchMedia, getComputedStyle, addEventListener, ResizeObserver */

const root = document.documentElement;
const data = JSON.parse(document.getElementById('chart-data').textContent);
const { from_s: from, step_s: step, steps, until_s: until } = data;
const xs = Array.from({ length: steps }, (_, index) => from + (index + 0.5) * step);
const drawn = [];
/** Wide enough for `10 min` and `1,750`, and what the lanes of the faults leave free at their left, too. */
const GUTTER = 52;
const RIGHT = 10;
const PRINTED_WIDTH = 680;

const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
const exact = (value) =>
  (Math.abs(value) < 10 ? Number(value.toPrecision(2)) : Math.round(value)).toLocaleString('en-US');

function inUnit(value, unit) {
  if (value === null || value === undefined) return '–';
  if (unit === 'ms') return value >= 10_000 ? `${exact(value / 1000)} s` : `${exact(value)} ms`;
  return unit === '' ? exact(value) : `${exact(value)} ${unit}`;
}

function onAxis(value, unit) {
  if (value === null) return '';
  if (unit === 'ms') return value >= 1000 ? `${value / 1000} s` : `${value} ms`;
  return value.toLocaleString('en-US');
}

function moment(seconds) {
  if (until - from <= 600) return `${Number(seconds.toFixed(1))} s`;
  if (until - from <= 3 * 3600) return `${Number((seconds / 60).toFixed(1))} min`;
  return `${Number((seconds / 3600).toFixed(2))} h`;
}

/** Windows of damage behind the lines, each as wide as it was open and a pixel at least. */
function shade(plot) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.fillStyle = colour('--window');
  for (const [opened, closed] of data.windows) {
    const left = Math.max(bbox.left, plot.valToPos(opened, 'x', true));
    const right = Math.min(bbox.left + bbox.width, plot.valToPos(closed, 'x', true));
    if (right >= left) ctx.fillRect(left, bbox.top, Math.max(1, right - left), bbox.height);
  }
  ctx.restore();
}

function markMoments(plot) {
  const { ctx, bbox } = plot;
  ctx.save();
  for (const [at, name] of data.moments) {
    const x = plot.valToPos(at, 'x', true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.strokeStyle = colour(name === 'violation' ? '--fail' : '--soft');
    ctx.setLineDash([4, 4]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

function seriesOptions({ colour: name }, bars) {
  const stroke = () => colour(name);
  if (bars)
    return { stroke, fill: stroke, width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.9, 40, 2] }) };
  // A value alone between gaps is no line: it is shown as a point.
  return { stroke, width: 1.5, points: { show: true, size: 4, filter: lonely, fill: stroke } };
}

function lonely(plot, index) {
  const values = plot.data[index];
  const known = (i) => values[i] !== null && values[i] !== undefined;
  return xs.flatMap((_, i) => (known(i) && !known(i - 1) && !known(i + 1) ? [i] : []));
}

/** A line for each power of ten: those between only make it grey. */
function powers(_plot, _axis, low, high) {
  const first = Math.round(Math.log10(low));
  return Array.from({ length: Math.round(Math.log10(high)) - first + 1 }, (_, index) => 10 ** (first + index));
}

const WHOLE = [...Array(10).keys()].flatMap((digits) => [1, 2, 5].map((first) => first * 10 ** digits));
const TIMES = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 86_400, 604_800, 2_592_000];

function scaleOf({ log }) {
  if (!log) return { range: (_plot, _low, high) => [0, high * 1.08 || 1] };
  const power = (value, round) => 10 ** round(Math.log10(Math.max(1, value)));
  return { distr: 3, range: (_plot, low, high) => [power(low, Math.floor), power(Math.max(10, high), Math.ceil)] };
}

function axesOf({ log, whole, unit }) {
  const axis = {
    stroke: () => colour('--soft'),
    font: '12px system-ui, sans-serif',
    gap: 4,
    grid: { stroke: () => colour('--line'), width: 1 },
    ticks: { show: false },
  };
  const values = (_plot, splits) => splits.map((value) => onAxis(value, unit));
  const own = log ? { splits: powers } : whole ? { incrs: WHOLE } : {};
  return [
    { ...axis, size: 26, space: 70, incrs: TIMES, values: (_plot, splits) => splits.map(moment) },
    { ...axis, size: GUTTER, space: 22, values, ...own },
  ];
}

function options(chart, width, figure) {
  return {
    width,
    height: chart.height,
    padding: [8, RIGHT, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: 'run' }, drag: { x: false, y: false }, y: false, points: { size: 7 } },
    scales: { x: { time: false, range: [from, until] }, y: scaleOf(chart) },
    axes: axesOf(chart),
    series: [{}, ...chart.lines.map((one) => seriesOptions(one, chart.bars))],
    hooks: { drawClear: [shade], draw: [markMoments], setCursor: [(plot) => say(plot, chart, figure)] },
  };
}

/** The numbers under the cursor, in the place of what is said of the whole. */
function say(plot, chart, figure) {
  const { idx } = plot.cursor;
  const values = figure.querySelectorAll('.said');
  // Numbers are shorter than what is said of the whole: without this the page would jump.
  if (idx != null) figure.querySelector('.keys').style.minHeight ||= `${figure.querySelector('.keys').offsetHeight}px`;
  for (const [index, element] of values.entries()) {
    element.dataset.whole ??= element.textContent;
    element.textContent = idx == null ? element.dataset.whole : inUnit(plot.data[index + 1][idx], chart.unit);
  }
  figure.querySelector('.at').textContent = idx == null ? '' : moment(xs[idx]);
  pointAt(idx);
}

/** The same moment in the lanes of the faults. */
function pointAt(idx) {
  for (const line of document.querySelectorAll('.lane-cursor')) {
    line.hidden = idx == null;
    if (idx != null) line.style.left = `${((xs[idx] - from) / (until - from)) * 100}%`;
  }
}

/** Left and right go from step to step, in all charts at once; what the cursor says is said aloud. */
function onKey(event, plot, chart) {
  const now = plot.cursor.idx;
  const moves = { ArrowLeft: (now ?? steps) - 1, ArrowRight: (now ?? -1) + 1, Home: 0, End: steps - 1, Escape: null };
  if (!(event.key in moves)) return;
  event.preventDefault();
  const wanted = moves[event.key];
  if (wanted === null) {
    for (const other of drawn) other.plot.setCursor({ left: -10, top: -10 });
    return;
  }
  const index = Math.min(steps - 1, Math.max(0, wanted));
  for (const other of drawn) other.plot.setCursor({ left: other.plot.valToPos(xs[index], 'x'), top: 1 });
  const said = chart.lines.map(({ name }, i) => `${name} ${inUnit(plot.data[i + 1][index], chart.unit)}`);
  document.getElementById('chart-said').textContent = `${moment(xs[index])}: ${said.join(', ')}`;
}

function draw(figure) {
  const place = figure.querySelector('.plot');
  const chart = data.charts[Number(place.dataset.chart)];
  const values = chart.lines.map((one) =>
    chart.log ? one.values.map((value) => (value === null ? null : Math.max(1, value))) : one.values,
  );
  const plot = new uPlot(options(chart, place.clientWidth, figure), [xs, ...values], place);
  drawn.push({ plot, place });
  place.tabIndex = 0;
  place.addEventListener('keydown', (event) => onKey(event, plot, chart));
  place.addEventListener('blur', () => pointAt(null));
}

function resize(widthOf) {
  for (const { plot, place } of drawn) plot.setSize({ width: widthOf(place), height: plot.height });
}

/** Only to another width: what is said below a chart changes its height, and must not redraw all of them. */
function resizeIfWider() {
  const [first] = drawn;
  const printed = root.classList.contains('printed');
  if (first && !printed && first.plot.width !== first.place.clientWidth) resize((place) => place.clientWidth);
}

root.classList.add('drawn');
for (const figure of document.querySelectorAll('figure.chart')) draw(figure);
new ResizeObserver(resizeIfWider).observe(document.querySelector('.charts'));
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => resize((place) => place.clientWidth));
// Paper is white and as wide as it is, whatever the screen was.
// What is folded on a screen is out of reach on paper.
const folded = () => document.querySelectorAll('details:not([open], .numbers-of)');
let opened = [];
addEventListener('beforeprint', () => {
  root.classList.add('printed');
  opened = [...folded()];
  for (const one of opened) one.open = true;
  resize(() => PRINTED_WIDTH);
});
addEventListener('afterprint', () => {
  root.classList.remove('printed');
  for (const one of opened) one.open = false;
  resize((place) => place.clientWidth);
});
