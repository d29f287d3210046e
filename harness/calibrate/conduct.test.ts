import { describe, expect, test } from 'vitest';
import type { CalibrationRun, Planted } from '../model/calibration.ts';
import { InterruptedError, StackError } from '../model/errors.ts';
import type { Judgement } from '../model/verdict.ts';
import { invariant, judgement, violation } from '../testing/fixture.ts';
import { type Conducting, conduct } from './conduct.ts';
import type { Job } from './schedule.ts';

const lock: Planted = {
  name: 'lock',
  kind: 'defect',
  race: '#66734',
  summary: 'locks the wrong way round',
  caughtBy: ['no-deadlocks'],
  scenario: 'storm',
};

function job(over: Partial<Job> = {}): Job {
  const usual = { scenario: 'storm', durationS: 30, schedulers: 2, seed: 7, faults: null };
  return { build: 'reference+lock', planted: lock, ...usual, ...over };
}

const clean = job({ build: 'reference', planted: null });
const cured = job({ build: 'reference+cure', planted: { ...lock, name: 'cure', kind: 'remedy', caughtBy: [] } });

const quiet = judgement({ verdict: 'pass', invariants: [invariant('no-deadlocks', 'pass')] });
const broken = (name: string, at_ms: number): Judgement =>
  judgement({ invariants: [invariant(name, 'fail', { violations: 3, first: violation({ at_ms }) })] });

interface Conducted {
  readonly runs: readonly CalibrationRun[];
  readonly discarded: readonly string[];
}

/** Conducts with one answer a try: a judgement, an error, or a run that waits for its signal. */
async function conducted(
  queue: readonly Job[],
  answers: readonly (Judgement | Error | 'hangs' | 'ends when cancelled')[],
  over: Partial<Conducting> = {},
): Promise<Conducted> {
  const discarded: string[] = [];
  let asked = 0;
  const runs = await conduct(queue, {
    jobs: 1,
    keep: false,
    signal: new AbortController().signal,
    folderOf: ({ seed }, tried) => `run-${seed}-${tried}`,
    discard: (folder) => discarded.push(folder),
    kept: (folder) => folder,
    onEnd: () => undefined,
    async runOne(_job, _folder, signal) {
      const answer = answers[asked++] ?? new Error('one run too many');
      if (answer instanceof Error) throw answer;
      if (answer === 'hangs') return new Promise<never>(() => undefined);
      if (answer === 'ends when cancelled') {
        return new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      }
      return { judgement: answer, loadStartedMs: 10_000, aims: [] };
    },
    ...over,
  });
  return { runs, discarded };
}

describe('the outcome of a run', () => {
  test('a defect is found if any invariant is violated, and the time counts from the start of the load', async () => {
    const { runs, discarded } = await conducted([job()], [broken('no-deadlocks', 12_340)]);
    expect(runs).toMatchObject([
      { result: 'found', violations: { 'no-deadlocks': 3 }, first_violation_s: 2.3, tries: 1, folder: null },
    ]);
    expect(discarded).toEqual(['run-7-1']);
  });

  test('a defect that only an unnamed invariant finds is found, without a time', async () => {
    const { runs } = await conducted([job()], [broken('error-contract', 12_000)]);
    expect(runs).toMatchObject([{ result: 'found', first_violation_s: null }]);
  });

  test('a miss keeps its folder and names the failed assumptions', async () => {
    const doubt = { name: 'fleet-kept-pace', claim: 'c', verdict: 'fail' as const, sentence: 's' };
    const unsure = { ...quiet, verdict: 'unknown' as const, assumptions: [doubt] };
    const { runs, discarded } = await conducted([job()], [unsure]);
    expect(runs).toMatchObject([
      { result: 'missed', verdict: 'unknown', doubts: ['fleet-kept-pace'], folder: 'run-7-1' },
    ]);
    expect(discarded).toEqual([]);
  });

  test('says how many invariants its load aims at, and of which of them the run says nothing', async () => {
    const invariants = [invariant('no-deadlocks', 'unknown'), invariant('error-contract', 'unknown')];
    const { runs } = await conducted([clean], [], {
      runOne: async () => ({
        judgement: judgement({ verdict: 'unknown', invariants }),
        loadStartedMs: 0,
        aims: ['no-deadlocks', 'locks-are-brief'],
      }),
    });
    expect(runs).toMatchObject([{ aims: 2, unknown_aims: ['no-deadlocks'] }]);
  });

  test('a violation on a clean build is a false alarm, and its folder is kept', async () => {
    const { runs } = await conducted([clean, cured, clean], [quiet, quiet, broken('error-contract', 11_000)]);
    expect(runs.map(({ result, folder }) => [result, folder])).toEqual([
      ['clean', null],
      ['clean', null],
      ['false alarm', 'run-7-1'],
    ]);
  });
});

describe('a run that fails', () => {
  test('is repeated once', async () => {
    const { runs, discarded } = await conducted([clean], [new StackError('no port'), quiet]);
    expect(runs).toMatchObject([{ result: 'clean', tries: 2 }]);
    expect(discarded).toEqual(['run-7-1', 'run-7-2']);
  });

  test('is neither found nor missed if it fails twice', async () => {
    const { runs } = await conducted([job(), clean], [new Error('one'), new StackError('no port'), quiet]);
    expect(runs.map(({ result, failure, folder }) => [result, failure, folder])).toEqual([
      ['failed to run', 'no port', 'run-7-2'],
      ['clean', null, null],
    ]);
  });

  test('is cancelled when it takes far too long, and abandoned if it does not end', async () => {
    const limits = { overheadMs: 20, graceMs: 20 };
    const { runs } = await conducted([job({ durationS: 0 })], ['ends when cancelled', 'hangs'], { limits });
    expect(runs).toMatchObject([{ result: 'failed to run', tries: 2 }]);
    expect(runs[0]?.failure).toMatch(/had not ended after 0 s, and did not end when cancelled/);
  });
});

test('concurrent runs are all counted', async () => {
  let [now, most] = [0, 0];
  const queue = Array.from({ length: 7 }, (_, seed) => job({ seed }));
  const { runs } = await conducted(queue, [], {
    jobs: 3,
    async runOne() {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 5));
      now--;
      return { judgement: quiet, loadStartedMs: 0, aims: [] };
    },
  });
  expect({ most, seeds: runs.map(({ seed }) => seed) }).toEqual({ most: 3, seeds: [0, 1, 2, 3, 4, 5, 6] });
});

test('an interruption keeps the completed runs and drops the incomplete one', async () => {
  const interrupt = new AbortController();
  const { runs, discarded } = await conducted([clean, clean, clean], [quiet, 'ends when cancelled'], {
    signal: interrupt.signal,
    onEnd: () => setTimeout(() => interrupt.abort(new InterruptedError('Ctrl-C')), 5),
  });
  expect(runs).toHaveLength(1);
  expect(discarded).toEqual(['run-7-1', 'run-7-1']);
});

test.each([
  [1, ['run-2-1', undefined]],
  [2, [undefined, undefined]],
])('with %i at a time, the runs that follow are named as %j, each in the folder that it gets', async (jobs, wanted) => {
  const queue = [job({ seed: 1 }), job({ seed: 2 })];
  const seen: (string | undefined)[] = [];
  const folders: string[] = [];
  await conducted(queue, [], {
    jobs,
    async runOne(_job, folder, _signal, next) {
      folders.push(folder);
      seen.push(next?.folder);
      return { judgement: quiet, loadStartedMs: 0, aims: [] };
    },
  });
  expect({ seen, folders }).toEqual({ seen: wanted, folders: ['run-1-1', 'run-2-1'] });
});
