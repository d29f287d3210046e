import { expect, test } from 'vitest';

import type { ReplayedFile } from '../../harness/model/replay.ts';
import { replayOutcome, worstOf } from '../../harness/model/replay.ts';
import { replayJunit } from '../junit.ts';
import { replayText } from './replay.ts';

const FILE: ReplayedFile = {
  race: '#1',
  title: 'Two at once',
  file: 'x.race.yaml',
  build: 'airflow@3.2.1',
  outcome: 'broken',
  counts: { broken: 19, 'not-reached': 1 },
  times: 20,
  wanted: 20,
  controls: [{ kind: 'hold-alone', broken: 0, times: 3 }],
  seconds: 2.04,
  why: 'The row was lost.',
  steps: [
    {
      ...{ episode: 1, step: 1, line: 6, text: 'operator triggers', began_ms: 1_000, ended_ms: 1_200 },
      ...{ result: '200', process: null, pid: null, statement: null },
    },
    {
      ...{ episode: 1, step: 2, line: 7, text: 'one is reached', began_ms: 1_200, ended_ms: 1_210 },
      ...{ result: 'held', process: 'api-execution-1', pid: 790, statement: 'INSERT INTO\n \u001b[31m rtif' },
    },
  ],
  others: ['locks-are-brief'],
  run: 'runs/x/1',
};
test('of controls alone it is printed how often they were broken', () => {
  const none = { times: 0, wanted: 0, counts: {}, steps: [], seconds: null };
  const [first] = replayText(replay([{ ...FILE, ...none, outcome: 'held' }]), { color: false }).split('\n');
  expect(first).toBe('#1  airflow@3.2.1  held (controls broken: hold alone 0 of 3)');
});

test('of an interrupted one it is printed how many were wanted, and that there is no control', () => {
  const cut = { ...FILE, counts: { broken: 9 }, times: 9, controls: [] };
  const [first] = replayText(replay([cut]), { color: false }).split('\n');
  expect(first).toBe('#1  airflow@3.2.1  broken 9 of 9, 20 wanted, 2.0 s each (no controls were played)');
});

const replay = (files: readonly ReplayedFile[]) => ({ build: 'airflow@3.2.1', outcome: 'broken' as const, files });

test('an outcome is printed with how often, its controls, and one episode step by step', () => {
  const printed = replayText(replay([FILE]), { color: false }).split('\n');
  expect(printed[0]).toBe(
    '#1  airflow@3.2.1  broken 19 of 20, not reached 1, 2.0 s each (controls broken: hold alone 0 of 3)',
  );
  expect(printed[1]).toMatch(/^ {2}0\.00 s {2}operator triggers +200 \(200 ms\)$/);
  expect(printed[2]).toMatch(/^ {2}0\.20 s {2}one is reached +api-execution-1 790 +held: INSERT INTO/);
  expect(printed.join('\n')).not.toContain('\u001b');
  expect(printed.slice(3)).toEqual([
    'broken: The row was lost.',
    'also violated in its episodes: locks-are-brief',
    'record: runs/x/1',
  ]);
});

test('in JUnit broken is a failure, held and excluded pass, and what shows nothing is an error', () => {
  const outcomes = ['broken', 'held', 'excluded', 'not-reached', 'by-the-hold'] as const;
  const xml = replayJunit(replay(outcomes.map((outcome) => ({ ...FILE, outcome }))));
  expect(xml).toContain('tests="5" failures="1" errors="2" skipped="0"');
  expect(xml.match(/<testcase [^>]*\/>/g)).toHaveLength(2);
});

test('a control that is broken, too, makes it the hold, and the worst outcome is that of all', () => {
  const one = { episode: 1, race: 'x', file: 'x', seconds: 1, step: null, why: null, violations: [], others: [] };
  const script = (outcome: 'broken' | 'held' | 'excluded' | 'not-reached') =>
    ({ ...one, kind: 'script', outcome }) as const;
  const control = (outcome: 'broken' | 'held') => ({ ...one, kind: 'hold-alone', outcome }) as const;
  expect(replayOutcome([script('broken'), script('held'), control('held')])).toBe('broken');
  expect(replayOutcome([script('broken'), control('broken')])).toBe('by-the-hold');
  expect(replayOutcome([script('held'), script('not-reached'), control('broken')])).toBe('not-reached');
  expect(replayOutcome([script('held'), script('excluded')])).toBe('excluded');
  expect(replayOutcome([])).toBe('not-reached');
  expect(replayOutcome([control('held'), control('broken')])).toBe('by-the-hold');
  expect(replayOutcome([control('held')])).toBe('held');
  expect(worstOf(['held', 'by-the-hold', 'broken'])).toBe('broken');
});
