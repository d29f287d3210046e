import type { Drift, Soak, SoakWindow } from '../harness/model/soak.ts';
import { document, escaped, table } from './markdown/report.ts';
import { paintFor, type TextOptions, verdictWord } from './terminal/screen.ts';
import { count, counted, lines, milliseconds, percent, probability, seconds, some, visible } from './words.ts';

/** So many windows without a violation are shown; those with one are all. */
const SHOWN = 30;
const GLYPH = { fail: '✗', unknown: '?', pass: '✓' } as const;

/** A window that has just been judged, as one line above the live one. */
export function soakLine(window: SoakWindow): string {
  const { number, judged, ended, bytes } = window;
  if (judged === null) return `window ${number}: ${ended ?? 'under way'}`;
  const { verdict, counts, load_s } = judged;
  const slow = window.readings['latency.heartbeat.p95_ms'];
  const facts = [
    `${counted(counts.operations ?? 0, 'request')} in ${seconds(load_s)}`,
    counted(counts.deadlocks ?? 0, 'deadlock'),
    ...(slow === undefined ? [] : [`heartbeat p95 ${milliseconds(slow)} ms`]),
    size(bytes),
  ];
  const why = [...brokenOf(window), ...judged.doubts.map((doubt) => `in doubt: ${doubt}`)].map(visible);
  const told = ended === 'completed' ? '' : ` (${ended})`;
  return [`window ${number}${told}: ${GLYPH[verdict]} ${verdict}`, ...facts, ...why].join(' · ');
}

/** What `windtunnel soak` prints at its end. */
export function soakText(soak: Soak, options: TextOptions): string {
  const paint = paintFor(options);
  return [
    `${verdictWord(soak.verdict, paint)}  ${visible(titleOf(soak))}`,
    ...lines(visible(sentenceOf(soak)), 98).map((line) => `  ${line}`),
    ...brokenTotals(soak).map(([name, told]) => `  ${paint.red('✗')} ${visible(name)}: ${told}`),
    ...drifting(soak).map((drift) => `  ~ ${visible(driftSentence(drift))}`),
    ...soak.gaps.map((gap) => `  ! ${gapSentence(gap)}`),
  ].join('\n');
}

/** `soak.md`: for the summary of a CI job, and to be read while it lasts. */
export function soakMarkdown(soak: Soak): string {
  const broken = brokenTotals(soak);
  const shown = soak.windows.filter((window, i) => isBad(window) || i >= soak.windows.length - SHOWN);
  return document([
    `# ${soak.verdict}: ${escaped(titleOf(soak))}`,
    escaped(sentenceOf(soak)),
    ...soak.gaps.map((gap) => escaped(gapSentence(gap))),
    ...(broken.length === 0
      ? []
      : [
          '## Broken',
          table(
            ['promise or threshold', 'where'],
            broken.map((row) => row.map(escaped)),
          ),
        ]),
    '## Windows',
    table(
      ['window', 'verdict', 'requests', 'deadlocks', 'broken or in doubt', 'on disk'],
      shown.map((window) => [
        `${window.number}${window.attempt > 1 ? `, attempt ${window.attempt}` : ''}`,
        window.judged === null
          ? (window.ended ?? 'under way')
          : `${GLYPH[window.judged.verdict]} ${window.judged.verdict}`,
        count(window.judged?.counts.operations ?? 0),
        count(window.judged?.counts.deadlocks ?? 0),
        escaped([...brokenOf(window), ...(window.judged?.doubts ?? [])].join('; ')),
        `${size(window.bytes)}${window.whole ? '' : ', summary'}`,
      ]),
    ),
    '## Drift',
    ...driftSection(soak),
    'Mann and Kendall’s test, Theil and Sen’s slope, without the warm-up of each session; p after Holm’s correction.',
  ]);
}

/** What drifts and, of the harness, what does not: that it does not is what its numbers stand on. */
function driftSection({ drift }: Soak): string[] {
  const shown = drift.filter(
    ({ trend, metric }) => trend === 'rises' || trend === 'falls' || /^harness\./.test(metric),
  );
  const quiet = drift.filter((one) => !shown.includes(one));
  const rows = shown.map(({ metric, windows, per_hour, change, p_value, trend }) => [
    escaped(metric),
    count(windows),
    per_hour === null ? '' : amount(metric, per_hour),
    change === null ? '' : `${(change * 100).toFixed(1)} %`,
    p_value === null ? '' : probability(p_value).replace('<', '&lt;'),
    trend,
  ]);
  const head = ['metric', 'windows', 'an hour', 'over the soak', 'p', ''];
  return [
    ...(rows.length === 0 ? [] : [table(head, rows)]),
    quiet.length === 0
      ? ''
      : `No trend seen, or too few windows: ${escaped(quiet.map(({ metric }) => metric).join(', '))}.`,
  ].filter((text) => text !== '');
}

function titleOf({ subject, plan, windows, windows_planned }: Soak): string {
  const what = 'build' in subject ? subject.build : subject.target;
  const played = new Set(windows.filter(({ ended }) => ended === 'completed').map(({ number }) => number)).size;
  const each = seconds(plan.scenario.duration_s);
  return `${what}, ${plan.scenario.name}, seed ${plan.seed}: ${played} of ${windows_planned} windows of ${each}`;
}

function sentenceOf(soak: Soak): string {
  const { windows, why, never_tested, state } = soak;
  const judged = windows.flatMap((window) => (window.judged ? [window.judged] : []));
  const times = (verdict: string) => judged.filter((one) => one.verdict === verdict).length;
  const load = judged.reduce((sum, { load_s }) => sum + load_s, 0);
  const seams = windows.reduce((sum, { seam_s }) => sum + (seam_s ?? 0), 0);
  const doubtful = judged.filter(({ doubts }) => doubts.length > 0).length;
  const disk = windows.reduce((sum, { bytes }) => sum + bytes, 0);
  return [
    `${seconds(load)} of load in ${counted(judged.length, 'judged window')}: ${times('pass')} pass, ` +
      `${times('fail')} fail, ${times('unknown')} unknown (${doubtful} in doubt), ${size(disk)} on disk.`,
    ...(load + seams > 0
      ? [`Between windows there was no load for ${percent(seams / (load + seams))} of the time.`]
      : []),
    ...(never_tested.length === 0 ? [] : [`Not put to the test in any window: ${some(never_tested, 8)}.`]),
    ...(state === 'running' ? ['It is still running.'] : []),
    ...(why === null ? [] : [`It ended before its time: ${why}.`]),
  ].join(' ');
}

function brokenOf({ judged }: SoakWindow): string[] {
  if (judged === null) return [];
  const promises = Object.entries(judged.broken).map(([name, violations]) => `${name} × ${count(violations)}`);
  return [...promises, ...judged.thresholds_broken];
}

function isBad(window: SoakWindow): boolean {
  return brokenOf(window).length > 0;
}

function brokenTotals({ windows }: Soak): [name: string, told: string][] {
  const where = new Map<string, { violations: number; numbers: number[] }>();
  for (const { number, judged } of windows) {
    const broken = [
      ...Object.entries(judged?.broken ?? {}),
      ...(judged?.thresholds_broken ?? []).map((name): [string, number] => [name, 0]),
    ];
    for (const [name, violations] of broken) {
      const total = where.get(name) ?? { violations: 0, numbers: [] };
      where.set(name, { violations: total.violations + violations, numbers: [...total.numbers, number] });
    }
  }
  return [...where].map(([name, { violations, numbers }]) => {
    const times = violations === 0 ? '' : `${counted(violations, 'violation')} in `;
    return [name, `${times}${numbers.length === 1 ? 'window' : 'windows'} ${some(numbers.map(String), 12)}`];
  });
}

function drifting({ drift }: Soak): Drift[] {
  return drift.filter(({ trend }) => trend === 'rises' || trend === 'falls');
}

function driftSentence({ metric, trend, per_hour, change, p_value }: Drift): string {
  const over = change === null ? '' : `, ${(change * 100).toFixed(1)} % over the soak`;
  return `${metric} ${trend} by ${amount(metric, Math.abs(per_hour ?? 0))} an hour${over} (p = ${probability(p_value ?? 1)})`;
}

function gapSentence({ from, to, window }: Soak['gaps'][number]): string {
  const lasted = seconds((Date.parse(to) - Date.parse(from)) / 1000);
  const broke = window === null ? '' : `; window ${window} was broken off and its plan played again`;
  return `No load for ${lasted} from ${from}${broke}.`;
}

function amount(metric: string, value: number): string {
  if (metric.endsWith('bytes')) return size(value);
  if (metric.endsWith('_ms')) return `${value.toFixed(2)} ms`;
  return value.toPrecision(3);
}

/** `1.5 MB`, in thousands. */
export function size(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  for (; Math.abs(value) >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${unit === 0 ? Math.round(value) : value.toPrecision(3)} ${units[unit]}`;
}
