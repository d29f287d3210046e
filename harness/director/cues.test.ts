import { expect, test } from 'vitest';

import type { CuedWorker } from '../fleet/engines/cued.ts';
import { Cues } from './cues.ts';
import { EpisodeKeys } from './keys.ts';
import { parseScript } from './script.ts';
import type { Stage } from './stage.ts';

const OF = { task: 'd', run: 'r' };

function worker(name: string, said: string[], life: { isOver?: boolean; hasStarted?: boolean } = {}): CuedWorker {
  let isWithheld = false;
  return {
    key: ['wt_x', 'd', 'r', 1, -1],
    tiId: name,
    life: { isOver: false, hasStarted: false, ...life } as CuedWorker['life'],
    withholdNews: () => {
      const isNew = !isWithheld;
      isWithheld = true;
      if (isNew) said.push(`nothing of ${name}`);
      return isNew;
    },
    reportEnd: (outcome) => said.push(`${name} ${outcome}`),
  };
}

function cuesOf(workers: readonly CuedWorker[], script: string): Cues {
  const head = 'race: x\ntitle: x\nbreaks: { no-deadlocks: }\ndag: { d: }\nscript:\n  - operator triggers\n';
  const { steps } = parseScript('x.race.yaml', head + script);
  // What is asked for here needs only the workers.
  const stage = { workers: () => workers, signal: new AbortController().signal } as unknown as Stage;
  return new Cues(stage, { dag: 'x', dagId: 'wt_x', keys: new EpisodeKeys(undefined as never, 'wt_x', ['d']) }, steps);
}

test('of as many lives as the script speaks of the executor reports on cue only, and the oldest first', async () => {
  const said: string[] = [];
  const workers = [worker('first', said)];
  const cues = cuesOf(workers, "  - 'executor: d succeeds'\n");
  await cues.worker(OF, 'newest', { act: 'run' });
  workers.push(worker('second', said));
  await cues.worker(OF, 'newest', { act: 'run' });
  await cues.report(OF, 'success');
  expect(said).toEqual(['nothing of first', 'first success']);
});

test('a task that no worker has been asked for is reported of its newest', async () => {
  const said: string[] = [];
  await cuesOf([worker('only', said)], "  - 'executor: d fails'\n").report(OF, 'fail');
  expect(said).toEqual(['nothing of only', 'only fail']);
});

test('a start is for a worker that has not started, and the first worker is the oldest that is not over', async () => {
  const said: string[] = [];
  const workers = [
    worker('over', said, { isOver: true }),
    worker('first', said, { hasStarted: true }),
    worker('second', said),
    worker('third', said, { hasStarted: true }),
  ];
  const cues = cuesOf(workers, '  - worker d: run\n');
  expect((await cues.worker(OF, 'newest', { act: 'run' })).tiId).toBe('second');
  expect((await cues.worker(OF, 'first', { act: 'success' })).tiId).toBe('first');
  expect((await cues.worker(OF, 'newest', null)).tiId).toBe('third');
});
