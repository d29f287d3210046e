import { stripVTControlCharacters } from 'node:util';

import stringWidth from 'string-width';
import { expect, test } from 'vitest';
import {
  emptyJudgement,
  HOSTILE,
  hostileJudgement,
  hugeJudgement,
  judgement,
  manifest,
} from '../../harness/testing/fixture.ts';
import { deadlock } from '../../harness/testing/fixture-evidence.ts';
import { deadlockFinding, finding } from '../../harness/testing/fixture-finding.ts';
import { findingsText, findingText } from './finding.ts';
import { SCREEN } from './screen.ts';

const plain = { color: false };

test('each finding of a run is a paragraph, with the violated invariants and what distinguishes the affected', () => {
  expect(findingsText(judgement(), plain).split('\n\n')[0]?.replace(/\s+/g, ' ')).toBe(
    'F1 A branch’s skip overwrote tasks that a worker was running: 4 times, 10 violations, from 31.0 s to 58.1 s, ' +
      'known race #63266. Violates running-is-not-overwritten (8), acknowledged-is-durable (2). Trigger rule ' +
      'one_success: 27 of 27 affected, 3 of 410 others (p < 0.0001).',
  );
  expect(findingsText(judgement(), plain)).toMatch(/windtunnel explain runs\/\S+ F1$/);
});

test('a run without violations has nothing to explain; violations that could not be grouped are mentioned', () => {
  expect(findingsText(emptyJudgement(), plain)).toMatch(
    /violated no invariant in this run: there is nothing to explain/,
  );
  expect(findingsText(judgement({ findings: [], findings_left_out: 'Out of memory.' }), plain)).toBe('Out of memory.');
});

test('one finding has its invariants, the affected, faults, the timeline in one order, and how to repeat it', () => {
  const text = findingText(judgement(), manifest(), finding(), plain);
  expect(text).toContain('running-is-not-overwritten (8): RUNNING is left by the worker’s own report.');
  expect(text).toContain('and among these handed over by scheduler-2: 20 of 27 affected, 0 of 3 others (p = 0.004)');
  expect(text).toContain('kill of scheduler-1 (SIGKILL), from 30.0 s never healed');
  expect(text).toContain('repeat    windtunnel run seeds --build airflow@3.2.1 --seed 42');
  expect(text).toContain('"FROM commits WHERE seq IN (877)"');
  const timeline = text.split('\n').filter((line) => /^ *(0|[−+]\d)/.test(line));
  expect(timeline).toEqual([
    '   −7.0 s   scheduler-1      leaf_3  scheduled → queued',
    '   −40 ms * w-376            as branch, skips leaf_3',
    '        0 * api-execution-1  leaf_3  running → skipped',
    '   +12 ms   w-376            ← accepted (204)',
    '  +800 ms * w-7              heartbeat: 409 not_running',
    '  +900 ms   w-8              reports SUCCESS: 500',
  ]);
});

test('a finding of a deadlock has what each side did first, and the SQL last', () => {
  const text = findingText(judgement({ deadlocks: [deadlock(9_100)] }), manifest(), deadlockFinding(), plain);
  expect(text).toContain('\n  • wt-api-execution-1 (pid 412) carries out an end report (state PATCH)');
  expect(text).not.toContain('PostgreSQL ended a deadlock.');
  expect(text.indexOf('repeat    ')).toBeLessThan(text.indexOf('SQL statements'));
  expect(text.indexOf('SQL statements')).toBeLessThan(text.indexOf('dag_version_id='));
});

test('prose and timelines keep the width of the screen, and no text of a run is obeyed', () => {
  for (const one of [judgement(), hostileJudgement(), hugeJudgement()]) {
    for (const each of one.findings) {
      const text = findingText(one, manifest(), each, plain);
      const prose = text.split('\n').filter((line) => !/^(repeat|query) /.test(line) && line.includes(' '));
      // A word that is wider than the screen, such as an id, stands alone on its line.
      expect(prose.filter((line) => stringWidth(line) > SCREEN.columns && /\S \S+ \S/.test(line.trim()))).toEqual([]);
      for (const unseen of ['\u001b', '\u0000', '\u202e']) expect(text).not.toContain(unseen);
    }
  }
  expect(HOSTILE).toContain('\u001b');
});

test('colour changes no word', () => {
  const painted = findingText(judgement(), manifest(), finding(), { color: true });
  expect(painted).toContain('\u001b[');
  expect(stripVTControlCharacters(painted)).toBe(findingText(judgement(), manifest(), finding(), plain));
});
