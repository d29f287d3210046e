import { stripVTControlCharacters } from 'node:util';

import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, test } from 'vitest';
import {
  emptyJudgement,
  HOSTILE,
  hostileJudgement,
  hugeJudgement,
  invariant,
  judgement,
} from '../../harness/testing/fixture.ts';
import { verdictText } from './report.ts';
import { SCREEN } from './screen.ts';

const plain = { color: false };

describe('the summary at the end of a run', () => {
  test('fits one screen, whatever the run', () => {
    for (const one of [judgement(), emptyJudgement(), hostileJudgement(), hugeJudgement()]) {
      const lines = verdictText(one, plain).split('\n');
      expect(lines.length).toBeLessThanOrEqual(SCREEN.lines);
      const wide = lines.filter((line) => stringWidth(line) > SCREEN.columns && !/^(report|explain): /.test(line));
      expect(wide).toEqual([]);
    }
  });

  test('fits one screen for any number of invariants in any state', () => {
    const verdicts = fc.array(fc.constantFrom('pass', 'fail', 'unknown'), { maxLength: 60 });
    fc.assert(
      fc.property(verdicts, fc.nat(6), fc.boolean(), (states, shaky, aimed) => {
        const text = verdictText(
          judgement({
            invariants: states.map((state, index) => invariant(`invariant-${index}`, state, { aimed })),
            assumptions: Array.from({ length: shaky }, (_, i) => ({
              name: `a${i}`,
              claim: 'c',
              verdict: 'fail' as const,
              sentence: 's',
            })),
          }),
          plain,
        );
        expect(text.split('\n').length).toBeLessThanOrEqual(SCREEN.lines);
      }),
    );
  });

  test('names the user’s own invariants first among those that hold and those that were not exercised', () => {
    const many = Array.from({ length: 40 }, (_, i) =>
      invariant(`shipped-invariant-${i}`, i < 20 ? 'pass' : 'unknown', { aimed: false }),
    );
    const own = [invariant('mine-holds', 'pass'), invariant('mine-rests', 'unknown', { aimed: false })];
    const text = verdictText(judgement({ invariants: [...many, ...own] }), {
      ...plain,
      own: own.map(({ name }) => name),
    });
    expect(text).toMatch(/^✓ 21 invariants hold: mine-holds, /m);
    expect(text).toMatch(/^not exercised: mine-rests, /m);
  });

  test('counts each status of refusals', () => {
    const refused = (status: number, count: number) => ({
      status,
      kind: 'run',
      reason: 'not_found',
      found_state: '',
      replay: false,
      count,
    });
    const text = verdictText(judgement({ refusals: [refused(410, 3), refused(404, 2), refused(404, 5)] }), plain);
    expect(text).toContain(' · 404: 7 · 410: 3 · 5xx: ');
  });

  test('says the worst first and the verdict last', () => {
    const lines = verdictText(judgement(), plain).split('\n');
    expect(lines.slice(2, 5)).toEqual([
      'F1      4 ×  A branch’s skip overwrote tasks that a worker was running (#63266)',
      'F2      4 ×  A branch’s skip overwrote tasks that a worker was running',
      '',
    ]);
    expect(lines.at(-4)).toBe('explain: windtunnel explain runs/2026-11-21T10-00-00-airflow-3.2.1 F1');
    expect(lines[5]).toMatch(/^✗ rtif-last-writer-wins +81 violations \(#63581\)$/);
    expect(lines.at(-1)).toBe(
      'FAIL  airflow@3.2.1 violated 4 of 8 exercised invariants; first violation 9.1 s into the load.',
    );
    const marks = lines.map((line) => line[0]).filter((character) => '✗?✓'.includes(character ?? '-'));
    expect(marks.join('')).toBe('✗✗✗✗✓✓✓✓');
  });

  test('lists what was not aimed at in one line, and assumptions only when one does not hold', () => {
    const fine = verdictText(judgement(), plain);
    expect(fine).toContain('not exercised: one-live-attempt\nassumptions: 6 of 6 hold');
    const shaky = verdictText(
      judgement({ assumptions: [{ name: 'kept-up', claim: 'c', verdict: 'fail', sentence: 'It lagged 3 s.' }] }),
      plain,
    );
    expect(shaky).toContain('✗ assumption kept-up: It lagged 3 s.');
    expect(shaky).not.toContain('assumptions: ');
  });

  test('counts operations, refusals by operation, errors, deadlocks, lives and what the harness took', () => {
    expect(verdictText(judgement(), plain)).toContain(
      '12,345 operations · 409: 90 (rtif 81 and run 9) · 404: 2 · 5xx: 6 · deadlocks: 8 · 1,034 lives',
    );
  });

  test('names what was not exercised enough when it is inconclusive', () => {
    const text = verdictText(judgement({ verdict: 'unknown', invariants: [invariant('p', 'unknown')] }), plain);
    expect(text).toContain('? p                                    not exercised enough: 3 of the required 20 skips');
    expect(text).toMatch(/UNKNOWN {2}Inconclusive for airflow@3.2.1: p was not exercised enough\.$/);
  });

  test('uses colour only on request, and the same words either way', () => {
    const bare = verdictText(judgement(), plain);
    const painted = verdictText(judgement(), { color: true });
    expect(bare).not.toContain('\u001b');
    expect(painted).toContain('\u001b[31m');
    expect(stripVTControlCharacters(painted)).toBe(bare);
  });

  test('makes escape sequences and direction marks of hostile ids visible', () => {
    const text = verdictText(hostileJudgement(), plain);
    expect(HOSTILE).toContain('\u001b');
    for (const unseen of ['\u001b', '\u0000', '\u202e']) expect(text).not.toContain(unseen);
    expect(text).toContain('\\u{1b}');
  });
});
