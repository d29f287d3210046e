import { stripVTControlCharacters } from 'node:util';

import stringWidth from 'string-width';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { LiveLine, type LiveNow, liveText, NO_NUMBERS } from './live-line.ts';

const now: LiveNow = {
  phase: 'load',
  elapsedMs: 12_700,
  plannedMs: 60_000,
  live: 113,
  requestsPerSecond: 182.4,
  p95Ms: 412,
  sent: 2_300,
  http409: 9,
  http5xx: 6,
  deadlocks: 8,
  faults: [],
};

/** Keeps what was written, and what a terminal would show of it. */
function screen(isTTY: boolean, columns = 200) {
  const written: string[] = [];
  return {
    isTTY,
    columns,
    written,
    write: (text: string) => written.push(text),
    lines(): string[] {
      const shown = [''];
      for (const part of written
        .join('')
        .replaceAll('\r\u001b[2K', '\r')
        .split(/(\n|\r)/)) {
        if (part === '\n') shown.push('');
        else if (part.startsWith('\r')) shown[shown.length - 1] = '';
        else shown[shown.length - 1] += stripVTControlCharacters(part);
      }
      return shown;
    },
  };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the live line on a terminal', () => {
  test('has phase, time, lives, rate and what went wrong', () => {
    expect(liveText('airflow@3.2.1 (1 of 2)', now)).toBe(
      'airflow@3.2.1 (1 of 2) · load 21 %, 48 s left ·  113 live ·   182 requests/s · p95   412 ms · 409 9  · 5xx 6  ' +
        '· deadlocks 8',
    );
  });

  test('names the faults that are open and what failed last', () => {
    const terminal = screen(true);
    const seen = { ...now, faults: ['kill scheduler-1'] };
    new LiveLine({ label: 'a', stream: terminal, read: () => ({ ...seen, note: '500 to state of leaf_3' }) });
    const [line = ''] = terminal.lines();
    expect(line).toMatch(/deadlocks 8 · faults: kill scheduler-1 · 500 to state of leaf_3$/);
  });

  test('is overwritten, at most ten times a second, and only when it changed', () => {
    const terminal = screen(true);
    let reads = 0;
    const line = new LiveLine({ label: 'a', stream: terminal, read: () => ({ ...now, live: ++reads }) });
    vi.advanceTimersByTime(1_000);
    expect(terminal.written).toHaveLength(11);
    expect(terminal.lines()).toHaveLength(1);
    line.stop();

    const still = screen(true);
    const same = new LiveLine({ label: 'a', stream: still, read: () => now });
    vi.advanceTimersByTime(1_000);
    expect(still.written).toHaveLength(1);
    same.stop();
  });

  test('prints a note above itself and leaves nothing of itself behind', () => {
    const terminal = screen(true);
    const line = new LiveLine({ label: 'a', stream: terminal, read: () => now });
    line.note('deadlock between wt-scheduler-1 and wt-api-1');
    expect(terminal.lines()).toEqual(['deadlock between wt-scheduler-1 and wt-api-1', liveText('a', now)]);
    line.stop();
    line.stop();
    expect(terminal.lines()).toEqual(['deadlock between wt-scheduler-1 and wt-api-1', '']);
    line.note('after');
    vi.advanceTimersByTime(1_000);
    expect(terminal.lines()).toEqual(['deadlock between wt-scheduler-1 and wt-api-1', 'after', '']);
  });

  test('never wraps: it is cut to the width, which may change', () => {
    const terminal = screen(true, 40);
    const long = { ...now, note: `${'任務'.repeat(50)}\u001b[2J` };
    const line = new LiveLine({ label: 'a', stream: terminal, read: () => long });
    expect(stringWidth(terminal.lines()[0] ?? '')).toBeLessThan(40);
    terminal.columns = 20;
    vi.advanceTimersByTime(100);
    expect(stringWidth(terminal.lines()[0] ?? '')).toBeLessThan(20);
    line.stop();
  });

  test('uses no colour on request', () => {
    const terminal = screen(true);
    new LiveLine({ label: 'a', stream: terminal, read: () => now, color: false }).stop();
    expect(terminal.written.join('').replaceAll('\r\u001b[2K', '')).toBe(liveText('a', now));
  });
});

describe('the live line without a terminal', () => {
  test('is a plain line at each change of phase and every 10 s', () => {
    const log = screen(false);
    let phase = 'starting';
    const line = new LiveLine({ label: 'a', stream: log, read: () => ({ ...now, phase }) });
    vi.advanceTimersByTime(9_000);
    expect(log.written).toHaveLength(1);
    phase = 'load';
    vi.advanceTimersByTime(500);
    expect(log.written).toHaveLength(2);
    vi.advanceTimersByTime(20_500);
    expect(log.written).toHaveLength(4);
    line.note('something');
    line.stop();
    expect(log.written.at(-1)).toBe('something\n');
    expect(log.written.join('')).not.toContain('\u001b');
  });

  test('leaves out what is not known yet', () => {
    expect(liveText('a', { ...NO_NUMBERS, phase: 'starting', elapsedMs: 3_900 })).toBe('a · starting 3 s');
  });
});
