import type { Drift, Soak, SoakWindow } from '../harness/model/soak.ts';
import { count, counted, percent, pValue, seconds, some } from './words.ts';

/** What every format of a soak says in the same words. */

export function soakTitle({ subject, plan, windows, windows_planned }: Soak): string {
  const what = 'build' in subject ? subject.build : subject.target;
  const played = new Set(windows.filter(({ ended }) => ended === 'completed').map(({ number }) => number)).size;
  const each = seconds(plan.scenario.duration_s);
  return `${what}, ${plan.scenario.name}, seed ${plan.seed}: ${played} of ${windows_planned} windows of ${each}`;
}

export function soakSentence(soak: Soak): string {
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
    ...(never_tested.length === 0 ? [] : [`Not exercised enough in any window: ${some(never_tested, 8)}.`]),
    ...(state === 'running' ? ['It is still running.'] : []),
    ...(why === null ? [] : [`It ended early: ${why}.`]),
  ].join(' ');
}

export function brokenOf({ judged }: SoakWindow): string[] {
  if (judged === null) return [];
  const violated = Object.entries(judged.broken).map(([name, violations]) => `${name} × ${count(violations)}`);
  return [...violated, ...judged.thresholds_broken];
}

export function isBad(window: SoakWindow): boolean {
  return brokenOf(window).length > 0;
}

export function brokenTotals({ windows }: Soak): [name: string, where: string][] {
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

export function drifting({ drift }: Soak): Drift[] {
  return drift.filter(({ trend }) => trend === 'rises' || trend === 'falls');
}

export function driftSentence({ metric, trend, per_hour, change, p_value }: Drift): string {
  const over = change === null ? '' : `, ${(change * 100).toFixed(1)} % over the soak`;
  const amount = driftAmount(metric, Math.abs(per_hour ?? 0));
  return `${metric} ${trend} by ${amount} an hour${over} (${pValue(p_value ?? 1)})`;
}

export function gapSentence({ from, to, window }: Soak['gaps'][number]): string {
  const lasted = seconds((Date.parse(to) - Date.parse(from)) / 1000);
  const broke = window === null ? '' : `; window ${window} was interrupted and its plan repeated`;
  return `No load for ${lasted} from ${from}${broke}.`;
}

export function driftAmount(metric: string, value: number): string {
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
