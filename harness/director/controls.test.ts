import { expect, test } from 'vitest';

import { controlsOf } from './controls.ts';
import { parseScript } from './script.ts';

function controls(script: string) {
  const head = 'race: x\ntitle: x\nbreaks: { no-deadlocks: }\ndag: { d: , e: }\nscript:\n';
  const { steps } = parseScript('x.race.yaml', `${head}${script.trim().replace(/^ */gm, '  - ')}\n`);
  return Object.fromEntries(
    controlsOf(steps, 250).map(({ kind, steps: its }) => [
      kind,
      its.map((step) => ('pauseMs' in step ? `${step.pauseMs} ms` : `${step.text}${step.waits ? '' : ' (no wait)'}`)),
    ]),
  );
}

test('a script with holds is played without them, and with the one that is released last alone for as long', () => {
  const played = controls(`
    operator triggers
    worker d: run
    hold dag-processor before commit having insert dag_version as version
    operator revises
    version is reached
    hold api-execution before 2nd lock task_instance of d as report
    worker d: success &
    report is reached
    release version
    scheduler is blocked by report
    release report
    worker d is answered`);
  expect(played).toEqual({
    'without-holds': [
      'operator triggers',
      'worker d: run',
      'operator revises',
      'worker d: success &',
      'worker d is answered',
    ],
    'hold-alone': [
      'operator triggers',
      'worker d: run',
      'hold dag-processor before commit having insert dag_version as version',
      'operator revises',
      'version is reached',
      'hold api-execution before 2nd lock task_instance of d as report',
      'worker d: success & (no wait)',
      'report is reached',
      '250 ms',
      'release report',
      'worker d is answered',
      'release version',
    ],
  });
});

test('of two released at once the first is held alone, and what only the order brings about is left out', () => {
  const played = controls(`
    operator triggers
    worker d: run
    hold api-execution before write rendered fields as one
    worker d: fields a &
    one is reached
    hold api-execution before write rendered fields as two
    worker d: fields b &
    two is reached
    release one and two together
    e is queued`);
  expect(played['hold-alone']?.slice(-3)).toEqual(['one is reached', '250 ms', 'release one']);
  expect(played['without-holds']).toEqual([
    'operator triggers',
    'worker d: run',
    'worker d: fields a &',
    'worker d: fields b &',
  ]);
});

test('where a process acts by itself during the hold, the hold alone is no control', () => {
  const played = controls(`
    hold api-core before insert dag_run as creating
    operator backfills 2 runs &
    creating is reached
    scheduler passes commit
    release creating
    operator is answered`);
  expect(played).toEqual({ 'without-holds': ['operator backfills 2 runs &', 'operator is answered'] });
});

test('a script that cuts is played without that', () => {
  const played = controls(`
    operator triggers
    worker d: run
    cut api-execution before write task_instance of d as mishap
    worker d: success &
    mishap is reached
    worker d is answered`);
  expect(played).toEqual({
    'without-holds': ['operator triggers', 'worker d: run', 'worker d: success &', 'worker d is answered'],
  });
});

test('where an operator does more than trigger, it is played without what he does last and what follows', () => {
  const played = controls(`
    operator triggers
    worker d: run
    operator clears d
    worker d: fail
    worker d: run`);
  expect(played).toEqual({ 'without-last-cue': ['operator triggers', 'worker d: run'] });
});

test('a script without a hold is played without its last cue', () => {
  const played = controls(`
    operator triggers
    worker d: run
    worker d: skip e
    e is skipped`);
  expect(played).toEqual({ 'without-last-cue': ['operator triggers', 'worker d: run'] });
});
