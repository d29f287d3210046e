import type { OverTime, Series, SeriesMetric } from '../../harness/model/over-time.ts';
import type { Judgement } from '../../harness/model/verdict.ts';
import { count, moment } from '../words.ts';
import { faultLanes } from './fault-lanes.ts';
import { cut, type Html, html, scriptData } from './html.ts';
import { table } from './page.ts';

/** The charts of a run: what is drawn (chart-script.mjs draws it), what is said of each, and the same as a table. */

interface Kind {
  readonly metric: SeriesMetric;
  /** Only this line of the metric; without it all of them. */
  readonly of?: string;
  readonly title: string;
  readonly unit: '' | 'ms' | 'cores' | 'MiB';
  readonly note: string;
  readonly height: number;
  readonly scale?: 'logarithmic' | 'whole';
  readonly bars?: boolean;
  /** What the numbers are divided by before they are shown. */
  readonly per?: number;
}

const EVENTS = { metric: 'events', unit: '', height: 84, scale: 'whole', bars: true } as const;

const KINDS: readonly Kind[] = [
  {
    metric: 'requests_per_s',
    title: 'Requests per second',
    unit: '',
    note: 'at their intended time, by outcome',
    height: 160,
  },
  {
    metric: 'latency_ms',
    title: 'Latency',
    unit: 'ms',
    note: 'from the intended start to the response; logarithmic',
    height: 160,
    scale: 'logarithmic',
  },
  { ...EVENTS, of: '409', title: '409 responses', note: 'refused because of a conflict' },
  { ...EVENTS, of: '5xx', title: '5xx responses', note: 'server errors' },
  { ...EVENTS, of: 'deadlocks', title: 'Deadlocks', note: 'as reported by PostgreSQL' },
  { metric: 'load', title: 'Load', unit: '', note: 'active lives, requests in flight', height: 130 },
  { metric: 'cpu_cores', title: 'CPU', unit: 'cores', note: 'by process', height: 150 },
  {
    metric: 'memory_bytes',
    title: 'Memory',
    unit: 'MiB',
    note: 'resident, by process; shared memory counts for each process',
    height: 130,
    per: 2 ** 20,
  },
  {
    metric: 'database',
    title: 'Database sessions',
    unit: '',
    note: 'maximum of one sample per second',
    height: 120,
    scale: 'whole',
  },
  {
    metric: 'harness_ms',
    title: 'Harness',
    unit: 'ms',
    note: 'maximum per step; logarithmic',
    height: 120,
    scale: 'logarithmic',
  },
];

interface Chart extends Kind {
  readonly lines: readonly Line[];
}

interface Line {
  readonly name: string;
  readonly colour: string;
  readonly values: readonly (number | null)[];
}

export function charts(judgement: Judgement): Html | null {
  const { over_time: time } = judgement;
  const all = KINDS.map((kind) => ({ ...kind, lines: linesOf(time, kind) }));
  const shown = all.filter(hasMarks);
  if (time.steps < 2 || shown.length === 0) return null;
  const silent = all.filter((chart) => chart.metric === 'events' && chart.lines.length > 0 && !hasMarks(chart));
  return html`<div class="charts">
${faultLanes(judgement)}
${shown.map((chart, index) => figure(chart, index, time))}
${silent.length === 0 ? null : html`<p class="note">No events: ${silent.map(({ title }) => title).join(', ')}.</p>`}
<p class="note undrawn">The charts need JavaScript, which does not run here; the tables have the same numbers.</p>
<output id="chart-said" class="unseen"></output>
${scriptData('chart-data', dataOf(judgement, shown))}
</div>`;
}

function linesOf({ series }: OverTime, { metric, of, per = 1 }: Kind): Line[] {
  const found = series.filter((one) => one.metric === metric && (of === undefined || one.of === of)).toSorted(inOrder);
  const plain = found.filter((one) => OWN_COLOUR[one.of] === undefined);
  return found.map((one) => ({
    name: cut(NAMES[one.of] ?? one.of, 60),
    // The same process has the same colour in every chart, because all of them are in every one and in one order.
    colour: OWN_COLOUR[one.of] ?? `--series-${(plain.indexOf(one) % 8) + 1}`,
    values: one.values.map((value) => (value === null ? null : per === 1 ? value : Math.round(value / per))),
  }));
}

const NAMES: Readonly<Record<string, string>> = { refused: 'refused (4xx)', unknown: '5xx or no response' };

/** Where a colour has a meaning it has the same one everywhere. */
const OWN_COLOUR: Readonly<Record<string, string>> = {
  ok: '--ink-blue',
  refused: '--unknown',
  unknown: '--fail',
  p50: '--series-3',
  p95: '--ink-blue',
  p99: '--series-4',
  '409': '--unknown',
  '5xx': '--fail',
  deadlocks: '--fail',
  harness: '--soft',
};
const ORDER = ['ok', 'refused', 'unknown', 'p50', 'p95', 'p99'];

function inOrder(a: Series, b: Series): number {
  return ORDER.indexOf(a.of) - ORDER.indexOf(b.of) || a.of.localeCompare(b.of);
}

function hasMarks({ lines, metric }: Chart): boolean {
  return lines.some(({ values }) => values.some((value) => value !== null && (metric !== 'events' || value > 0)));
}

function figure(chart: Chart, index: number, time: OverTime): Html {
  const said = chart.lines.map((line) => ({ ...line, said: whole(line, chart, time) }));
  const keys = said.map(
    ({ name, colour, said }) =>
      html`<li><i style="--key:var(${colour})"></i>${name} <span class="said">${said}</span></li>`,
  );
  const spoken = said.map(({ name, said }) => `${name}: ${said}`).join('; ');
  return html`<figure class="chart">
<figcaption><b>${chart.title}</b> <span>${chart.note}</span> <span class="at"></span></figcaption>
<div class="plot" data-chart="${index}" role="img" aria-label="${`${chart.title}, ${chart.note}. ${spoken}`}"></div>
<ul class="keys">${keys}</ul>
<details class="numbers-of"><summary>As a table</summary>${rowsOf(chart, time)}</details></figure>
`;
}

/** What is said of a line as a whole: of events how many, of anything else its middle and its highest. */
function whole({ values }: Line, { metric, unit }: Chart, time: OverTime): string {
  const known = values.flatMap((value, step) => (value === null ? [] : [{ value, step }]));
  const highest = known.reduce((most, one) => (one.value > most.value ? one : most), { value: 0, step: -1 });
  if (highest.step === -1) return known.length === 0 ? 'not measured' : 'none';
  const at = moment(time.from_ms + highest.step * time.step_ms, 0);
  const peak = `${withUnit(highest.value, unit)} at ${at}`;
  if (metric === 'events') {
    const total = known.reduce((sum, { value }) => sum + value, 0);
    return `${count(total)}, at most ${peak}`;
  }
  const sorted = known.map(({ value }) => value).sort((a, b) => a - b);
  return `mostly ${withUnit(sorted[Math.floor(sorted.length / 2)] ?? 0, unit)}, at most ${peak}`;
}

function withUnit(value: number, unit: Kind['unit']): string {
  const shown = value < 10 ? Number(value.toPrecision(2)).toString() : count(value);
  return unit === '' ? shown : `${shown} ${unit}`;
}

/** Rows of a table; all of them are in the view `over_time`. */
const ROWS = 15;

function rowsOf({ lines, metric, title, unit }: Chart, time: OverTime): Html {
  const width = Math.ceil(time.steps / ROWS);
  const rows = Array.from({ length: Math.ceil(time.steps / width) }, (_, row) => [
    moment(time.from_ms + row * width * time.step_ms, 0),
    ...lines.map(({ values }) => {
      const known = values.slice(row * width, (row + 1) * width).filter((value) => value !== null);
      if (known.length === 0) return '–';
      const sum = known.reduce((total, value) => total + value, 0);
      return withUnit(metric === 'events' ? sum : sum / known.length, unit);
    }),
  ]);
  const columns = [{ title: 'from' }, ...lines.map(({ name }) => ({ title: name, numeric: true }))];
  return table(`${title} as a table`, columns, rows);
}

/** All that the script is given. In seconds on the run's clock, as everything in the report. */
function dataOf({ over_time: time, faults, first_violation_s }: Judgement, shown: readonly Chart[]): object {
  const seconds = (ms: number) => Number((ms / 1_000).toFixed(2));
  const until = time.from_ms + time.steps * time.step_ms;
  return {
    from_s: seconds(time.from_ms),
    step_s: seconds(time.step_ms),
    steps: time.steps,
    until_s: seconds(until),
    windows: faults.map(({ opened_ms, closed_ms }) => [seconds(opened_ms), seconds(closed_ms ?? until)]),
    moments: [
      ...(time.load_ended_ms < until ? [[seconds(time.load_ended_ms), 'load ended']] : []),
      ...(first_violation_s === null ? [] : [[seconds(time.from_ms) + first_violation_s, 'violation']]),
    ],
    charts: shown.map(({ lines, unit, height, scale, bars }) => ({
      unit,
      height,
      log: scale === 'logarithmic',
      whole: scale === 'whole',
      bars: bars === true,
      lines,
    })),
  };
}
