import { expect, test } from 'vitest';
import { withLiteralRun } from '../testing/judge-literal.ts';
import { judgeAssumption } from './assumptions.ts';
import { parseInvariant } from './invariant-file.ts';
import { INVARIANT_FORM, judgeInvariant, listInvariants } from './invariants.ts';

const TEXT = `-- claim: One thing
--   holds.
-- title: It did not hold
-- source: here
-- needs: operations
-- exercised-by: times
-- min-exercised: 1

-- exercised
SELECT 1;

-- violations
-- A comment: with a colon.
SELECT 1 AS at_ms;
`;

test('a promise is a header and its sections', () => {
  expect(parseInvariant('p', TEXT, INVARIANT_FORM)).toEqual({
    name: 'p',
    header: {
      claim: 'One thing holds.',
      title: 'It did not hold',
      source: 'here',
      needs: 'operations',
      'exercised-by': 'times',
      'min-exercised': '1',
    },
    sections: { exercised: 'SELECT 1', violations: '-- A comment: with a colon.\nSELECT 1 AS at_ms' },
  });
});

test.each([
  ['lacks its claim', TEXT.replace('-- claim: One thing\n--   holds.\n', ''), /p\.sql has no "-- claim:"/],
  ['lacks its exercised', TEXT.replace('-- exercised\nSELECT 1;', ''), /p\.sql has no "-- exercised"/],
  ['has a header that nobody reads', `-- colour: red\n${TEXT}`, /what is "-- colour:"/],
  ['has SQL before its sections', `SELECT 1;\n${TEXT}`, /neither header nor section: SELECT 1;/],
])('a promise that %s is refused by name', (_what, text, sentence) => {
  expect(() => parseInvariant('p', text, INVARIANT_FORM)).toThrow(sentence);
});

test('the promises are there, by their names', async () => {
  const names = (await listInvariants()).map(({ name }) => name);
  expect(names).toEqual([
    'a-retry-is-a-retry',
    'a-start-takes-effect-once',
    'a-started-life-owns-its-task',
    'a-superseded-try-is-told',
    'acknowledged-is-durable',
    'an-end-takes-effect-once',
    'backfill-completes-after-its-runs',
    'backfill-does-not-block',
    'error-contract',
    'every-dag-progresses',
    'every-map-index-once',
    'hand-off-follows-queueing',
    'handed-off-can-start',
    'history-is-complete',
    'impostors-are-refused',
    'locks-are-brief',
    'max-active-runs-is-kept',
    'max-active-tasks-is-kept',
    'memory-is-bounded',
    'no-deadlocks',
    'one-live-attempt',
    'one-run-per-date',
    'pool-slots-are-kept',
    'processes-stay-alive',
    'refusals-have-a-cause',
    'results-belong-to-their-try',
    'rtif-last-writer-wins',
    'running-is-not-overwritten',
    'runs-change-as-allowed',
    'silent-deaths-are-noticed',
    'skips-take-effect',
    'tasks-change-as-allowed',
    'tokens-keep-working',
    'triggers-end-with-their-deferral',
    'work-goes-on',
  ]);
});

test('a promise whose judging fails is unknown, with the error', async () => {
  const file = parseInvariant('p', TEXT.replace('SELECT 1 AS at_ms', 'SELECT nonsense'), INVARIANT_FORM);
  const result = await withLiteralRun({ operations: [{}] }, (run) => judgeInvariant(run, file));
  expect(result.verdict).toBe('unknown');
  expect(result.why_unknown).toMatch(/^judging it failed: Binder Error: .*nonsense/);
});

test('an assumption whose judging fails is unknown, with the error', async () => {
  const file = { name: 'a', header: { claim: 'x' }, sections: { judgement: 'SELECT nonsense' } };
  const result = await withLiteralRun({}, (run) => judgeAssumption(run, file));
  expect(result).toMatchObject({
    verdict: 'unknown',
    sentence: expect.stringMatching(/^Judging it failed: .*nonsense/),
  });
});

test('a promise that needs writers is unknown where they were not recorded', async () => {
  const text = TEXT.replace('needs: operations', 'needs: operations, writers').replace(
    'SELECT 1 AS at_ms',
    `SELECT 1 AS at_ms, 'x' AS subject, 'x' AS variant, 1 AS severity, 'x' AS sentence, []::BIGINT[] AS operations,
      []::BIGINT[] AS commits WHERE false`,
  );
  const file = parseInvariant('p', text, INVARIANT_FORM);
  const result = await withLiteralRun({ operations: [{}], manifest: { writers: 'none' } }, (run) =>
    judgeInvariant(run, file),
  );
  expect(result.why_unknown).toBe('the writers of commits were not recorded');
});
