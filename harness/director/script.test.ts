import { expect, test } from 'vitest';

import { parseScript } from './script.ts';

const HEAD = `race: '#66734'
title: A worker's end report and a new DAG version lock task and run in opposite orders
breaks: { no-deadlocks: state PATCH × dag_version UPDATE }
`;

const WHOLE = `${HEAD}dag: { d: }
script:
  - operator triggers
  - worker d: run
  - hold dag-processor before commit having insert dag_version as version
  - operator revises
  - version is reached within 20s
  - hold api-execution before 2nd lock task_instance of d as report
  - 'worker d: success &'
  - report is reached            # it has locked d; next it asks for d and its run
  - release version
  - scheduler is blocked by report
  - release report
  - worker d is answered
`;

function problemsOf(text: string): string[] {
  try {
    parseScript('x.race.yaml', text);
    return [];
  } catch (error) {
    return String(error instanceof Error ? error.message : error)
      .split('\n')
      .slice(1)
      .map((line) => line.replace(/^ *- /, ''));
  }
}

test('a script is read as steps, each with its line, its words and what it waits for', () => {
  const { race, steps } = parseScript('x.race.yaml', WHOLE);
  expect(race.breaks).toEqual({ 'no-deadlocks': 'state PATCH × dag_version UPDATE' });
  const of = { task: 'd', run: 'r' };
  expect(steps.map(({ action }) => action)).toEqual([
    { do: 'trigger', run: 'r' },
    { do: 'work', of, by: 'newest', cue: { act: 'run' } },
    {
      do: 'hold',
      process: 'dag-processor',
      name: 'version',
      point: {
        at: 'before',
        what: 'commit',
        having: { act: 'insert', table: 'dag_version', detail: null, nth: 1, of: null },
      },
    },
    { do: 'revise' },
    { do: 'reached', name: 'version' },
    {
      do: 'hold',
      process: 'api-execution',
      name: 'report',
      point: {
        at: 'before',
        what: { act: 'lock', table: 'task_instance', detail: null, nth: 2, of: 'd' },
        having: null,
      },
    },
    { do: 'work', of, by: 'newest', cue: { act: 'success' } },
    { do: 'reached', name: 'report' },
    { do: 'release', names: ['version'] },
    { do: 'blocked', process: 'scheduler', by: 'report' },
    { do: 'release', names: ['report'] },
    { do: 'answered', who: of },
  ]);
  expect(steps.map(({ line }) => line)).toEqual([6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]);
  expect(steps.flatMap(({ waits }, i) => (waits ? [] : [i]))).toEqual([6]);
  expect(steps[4]?.withinS).toBe(20);
});

test('tables of two words, columns, second runs, marks and branches are read', () => {
  const { steps } = parseScript(
    'x.race.yaml',
    `${HEAD}dag: { branch: { branch: true }, d: }
script:
  - operator triggers r1
  - operator triggers r2 &
  - hold api-execution before write rendered fields of d as one
  - hold scheduler after read task_instance(queued_dttm) of d as look
  - worker branch of r2: skip d, branch &
  - worker d of r1: fields hello
  - 'executor: d of r2 fails'
  - operator marks d of r1 failed
  - one is reached
  - look is reached
  - other scheduler passes commit having write dag_run of r2
  - d of r2 is upstream_failed
  - r2 is success
  - release one and look together
  - workers are answered
  - operator is answered
`,
  );
  const done = steps.map(({ action }) => action);
  expect(done[2]).toMatchObject({ point: { what: { table: 'rendered fields', act: 'write', of: 'd' } } });
  expect(done[3]).toMatchObject({ point: { at: 'after', what: { detail: 'queued_dttm' } } });
  expect(done[4]).toEqual({
    do: 'work',
    of: { task: 'branch', run: 'r2' },
    by: 'newest',
    cue: { act: 'skip', tasks: ['d', 'branch'] },
  });
  expect(done[5]).toMatchObject({ cue: { act: 'fields', text: 'hello' } });
  expect(done[6]).toEqual({ do: 'news', of: { task: 'd', run: 'r2' }, ended: 'fail' });
  expect(done[10]).toMatchObject({ do: 'passes', process: 'other scheduler' });
  expect(done.slice(11, 13)).toEqual([
    { do: 'state', of: { task: 'd', run: 'r2' }, state: 'upstream_failed' },
    { do: 'state', of: 'r2', state: 'success' },
  ]);
  expect(done[13]).toEqual({ do: 'release', names: ['one', 'look'] });
});

test('requests on several tasks, the first worker, deferrals and what a build need not have are read', () => {
  const { steps } = parseScript(
    'x.race.yaml',
    `${HEAD}dag: { branch: { branch: true }, d: }
script:
  - operator triggers
  - worker d: defer
  - d is handed over within 20s
  - worker d: reschedule
  - 'first worker d: success &'
  - worker branch: follow nothing
  - worker branch: follow d, branch
  - operator marks branch failed, d skipped &
  - operator clears branch, d
  - hold triggerer before commit as fired
  - fired is reached within 3s or held if absent
  - scheduler passes commit having lock dag_run of r or held if absent
  - release fired
  - operator deletes the DAG
`,
  );
  const [d, branch] = ['d', 'branch'].map((task) => ({ task, run: 'r' }));
  const done = steps.map(({ action }) => action);
  expect(done.slice(1, 9)).toEqual([
    { do: 'work', of: d, by: 'newest', cue: { act: 'defer' } },
    { do: 'handed', of: d },
    { do: 'work', of: d, by: 'newest', cue: { act: 'reschedule' } },
    { do: 'work', of: d, by: 'first', cue: { act: 'success' } },
    { do: 'work', of: branch, by: 'newest', cue: { act: 'follow', tasks: [] } },
    { do: 'work', of: branch, by: 'newest', cue: { act: 'follow', tasks: ['d', 'branch'] } },
    {
      do: 'mark',
      marks: [
        { of: branch, state: 'failed' },
        { of: d, state: 'skipped' },
      ],
    },
    { do: 'clear', tasks: [branch, d] },
  ]);
  expect(done.at(-1)).toEqual({ do: 'delete', run: null });
  expect(steps.flatMap(({ orHeld }, i) => (orHeld ? [i] : []))).toEqual([10, 11]);
  expect(steps[10]?.withinS).toBe(3);
});

test('all that is wrong is said at once, each with line and column, and the words that are known there', () => {
  const text = WHOLE.replace('operator revises', 'operator revise')
    .replace('before 2nd lock', 'before 2nd luck')
    .replace('scheduler is blocked by report', 'scheduler is blocked by raport')
    .replace('dag: { d: }', 'dag: { d: { after: [e] } }\nstack: { schedulers: none }');
  expect(problemsOf(text)).toEqual([
    'x.race.yaml:5:22: stack.schedulers: must be a number, not "none"',
    expect.stringMatching(
      /^x\.race\.yaml:10:14: "revise" is no word that fits here \(did you mean "revises"\?\); known here: triggers/,
    ),
    expect.stringMatching(
      /^x\.race\.yaml:12:35: "luck" is no word .*did you mean "lock".*known here: read, count, lock, write, insert/,
    ),
    'x.race.yaml:16:29: "raport" is no hold that fits here (did you mean "report"?); known here: version, report',
    expect.stringContaining('there is no other task "e"; known here: d'),
  ]);
});

test.each([
  ['  - worker d: run', 'there is no run yet: begin with "operator triggers"'],
  ['  - operator triggers r\n  - operator triggers', 'a second run needs a name'],
  ['  - operator triggers d', '"d" is taken'],
  ['  - operator triggers\n  - d is happy', 'is no state of a task that fits here'],
  ['  - operator triggers\n  - d is queued &', 'only a request'],
  ['  - operator triggers\n  - d is queued within soon', '"soon" is no time'],
  [
    '  - operator triggers\n  - hold scheduler before lock dag_run as x\n  - x is reached',
    'x is held and never released',
  ],
  ['  - operator triggers\n  - hold scheduler before lock dag_run as x\n  - release x', 'no step waits for x'],
  ['  - operator triggers\n  - operator triggers r2\n  - operator clears d of r, d of r2', 'the tasks of one run'],
  ['  - operator triggers\n  - d is queued or held if absent', 'only what waits for a point can be held if absent'],
  ['  - operator triggers\n  - worker d: defers', 'did you mean "defer"'],
  ['  - operator triggers\n  - scheduler passes commit or else', 'known here: or held if absent'],
  ['  - sleep 3', '"sleep" is no beginning that fits here'],
  ['  - operator triggers\n  - operator', 'the sentence ends too early'],
])('%j is refused', (script, problem) => {
  expect(problemsOf(`${HEAD}dag: { d: }\nscript:\n${script}\n`).join('\n')).toContain(problem);
});

test('a file that is no YAML, and one without a script, are refused with the place', () => {
  expect(problemsOf('race: [')[0]).toMatch(/^x\.race\.yaml:\d+:\d+: /);
  expect(problemsOf(`${HEAD}dag: { d: }\n`)).toEqual(['x.race.yaml:1:1: script: must be a list, and is missing']);
});
