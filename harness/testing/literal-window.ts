import type { JudgedWindow, SoakWindow } from '../model/soak.ts';

/** For tests: a window that was played to its end without a violation, but for what is given. */
export function literalWindow(
  number: number,
  { judged = {}, ...given }: Partial<Omit<SoakWindow, 'judged'>> & { judged?: Partial<JudgedWindow> | null } = {},
): SoakWindow {
  return {
    number,
    attempt: 1,
    session: 1,
    seed: number,
    folder: `windows/${number}`,
    // Ten minutes apart.
    started_at: new Date(Date.UTC(2026, 0, 1) + number * 600_000).toISOString(),
    ended: 'completed',
    seam_s: number === 1 ? null : 12,
    judged: judged && { ...KEPT, ...judged },
    bytes: 100,
    whole: true,
    readings: {},
    ...given,
  };
}

const KEPT: JudgedWindow = {
  verdict: 'pass',
  broken: {},
  thresholds_broken: [],
  kept: ['no-deadlocks'],
  untested: [],
  doubts: [],
  findings: [],
  load_s: 600,
  counts: { operations: 1000 },
  seconds_to_judge: 5,
};
