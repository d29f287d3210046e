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

const parsed = (text: string, problems: string[] = []) =>
  parseInvariant({ file: 'p.sql', text, form: INVARIANT_FORM, problems });

test('an invariant is a header and its sections', () => {
  expect(parsed(TEXT)).toEqual({
    name: 'p',
    file: 'p.sql',
    lines: { exercised: 10, violations: 13 },
    own: false,
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

test('a malformed file names itself, the line and what is wrong, all at once', () => {
  const problems: string[] = [];
  const text = TEXT.replace('-- claim: One thing\n--   holds.\n', '-- colour: red\n')
    .replace('min-exercised: 1', 'min-exercised: many\n-- sentence: {x:furlongs}\n-- needs: lives\nSELECT 1;')
    .replace('-- exercised\nSELECT 1;', '');
  parsed(text, problems);
  expect(problems).toEqual([
    expect.stringMatching(/^p\.sql:1: there is no header "colour"; there are claim, title/),
    'p.sql:8: "needs" stands here a second time',
    'p.sql:9: this line is neither header nor section: SELECT 1;',
    'p.sql:1: a line "-- claim: …" is missing',
    'p.sql:1: the section "-- exercised" is missing or empty',
    'p.sql:1: there is no format "furlongs" for a sentence; there are seconds, state, ms, mib, if, count',
    'p.sql:1: "min-exercised" must be a whole number, not "many"',
  ]);
});

test('a section with rows that lack a column without a default says so', async () => {
  const judged = (sql: string, sentence = '{dag_id} broke.') =>
    withLiteralRun({ operations: [{}] }, (run) =>
      judgeInvariant(
        run,
        parsed(TEXT.replace('SELECT 1 AS at_ms', sql).replace('-- source', `-- sentence: ${sentence}\n-- source`)),
      ),
    );
  expect((await judged("SELECT 'd' AS dag_id")).why_unknown).toMatch(/no at_ms, and none of committed_ms/);
  expect((await judged('SELECT 1 AS at_ms')).why_unknown).toMatch(/neither a subject nor a dag_id/);
  expect((await judged("SELECT 1 AS at_ms, 'd' AS dag_id", '{who} broke.')).why_unknown).toMatch(/names \{who\}/);
});

test('what a violation lacks follows from its other columns', async () => {
  const sql = `SELECT 1 AS committed_ms, 'd' AS dag_id, 'r' AS run_id, 't' AS task_id, 3 AS map_index, 7 AS op,
    NULL::BIGINT AS seq, NULL::VARCHAR AS writer, 1500 AS took_ms, 'queued' AS state, NULL AS note`;
  const sentence =
    '{writer} set {subject} to {state:state} in {took_ms:seconds}[, {note}][ (op {op})], {note|no note}.';
  const file = parsed(
    TEXT.replace('SELECT 1 AS at_ms', sql).replace('-- source', `-- sentence: ${sentence}\n-- source`),
  );
  const { first, why_unknown } = await withLiteralRun({ operations: [{}] }, (run) => judgeInvariant(run, file));
  expect(why_unknown).toBe(null);
  expect(first).toEqual({
    at_ms: 1,
    subject: 'd/r/t[3]',
    variant: 'unknown writer',
    severity: 1,
    sentence: 'An unknown process set d/r/t[3] to QUEUED in 1.5 s (op 7), no note.',
    operations: [7],
    commits: [],
  });
});

test('the invariants are there, by their names', async () => {
  const names = (await listInvariants()).map(({ name }) => name);
  expect(names).toEqual([
    'a-retry-is-a-retry',
    'a-start-takes-effect-once',
    'a-started-life-owns-its-task',
    'a-superseded-try-is-refused',
    'a-trigger-has-its-run',
    'a-trigger-takes-effect-once',
    'acknowledged-is-durable',
    'an-end-comes-from-the-owner',
    'an-end-takes-effect-once',
    'asset-events-are-consumed-once',
    'asset-events-begin-runs',
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
    'logs-say-what-happened',
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
    'task-limits-are-kept',
    'tasks-change-as-allowed',
    'tasks-follow-their-dag-version',
    'tokens-keep-working',
    'triggers-end-with-their-deferral',
    'work-goes-on',
  ]);
});

test('an invariant that cannot be judged is unknown, with the error', async () => {
  const file = parsed(TEXT.replace('SELECT 1 AS at_ms', 'SELECT nonsense'));
  const result = await withLiteralRun({ operations: [{}] }, (run) => judgeInvariant(run, file));
  expect(result.verdict).toBe('unknown');
  expect(result.why_unknown).toMatch(/^judging it failed: Binder Error: .*nonsense/);
});

test('an assumption that cannot be judged is unknown, with the error', async () => {
  const sections = { judgement: 'SELECT nonsense' };
  const file = { name: 'a', file: 'a.sql', header: { claim: 'x' }, sections, lines: {}, own: false };
  const result = await withLiteralRun({}, (run) => judgeAssumption(run, file));
  expect(result).toMatchObject({
    verdict: 'unknown',
    sentence: expect.stringMatching(/^Judging it failed: .*nonsense/),
  });
});

test('an invariant that needs writers is unknown where they were not recorded', async () => {
  const text = TEXT.replace('needs: operations', 'needs: operations, writers').replace(
    'SELECT 1 AS at_ms',
    `SELECT 1 AS at_ms, 'x' AS subject, 'x' AS variant, 1 AS severity, 'x' AS sentence, []::BIGINT[] AS operations,
      []::BIGINT[] AS commits WHERE false`,
  );
  const file = parsed(text);
  const result = await withLiteralRun({ operations: [{}], manifest: { writers: 'none' } }, (run) =>
    judgeInvariant(run, file),
  );
  expect(result.why_unknown).toBe('the writers of commits were not recorded');
});
