import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { newInvariant } from '../new/templates.ts';
import { writeLiteralRun } from '../testing/literal-run.ts';
import { playTests } from './invariant-test.ts';
import { readOwnInvariants } from './invariants.ts';
import { judge } from './judge.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'windtunnel-own-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const write = (file: string, text: string) => writeFileSync(path.join(folder, file), text);
const template = newInvariant('waits', 'invariants');

function writeTemplate(change = (text: string) => text): void {
  for (const { file, text } of template.files) write(file, change(text));
}

async function play(file: string): Promise<{ code: number; lines: string[] }> {
  const lines: string[] = [];
  const code = await playTests(path.join(folder, file), (line) => lines.push(line));
  return { code, lines };
}

test('the invariant that `new` writes passes the test that it writes', async () => {
  writeTemplate();
  const { code, lines } = await play('waits.test.yaml');
  expect(lines.at(-1)).toBe('3 of 3 hold');
  expect(code).toBe(0);
});

test('the example of the documentation passes its test', async () => {
  const page = readFileSync(new URL('../../docs/adding-an-invariant.md', import.meta.url), 'utf8');
  const block = (language: string) => new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, 'm').exec(page)?.[1] ?? '';
  write('clears-are-quick.sql', block('sql'));
  write('clears-are-quick.test.yaml', block('yaml'));
  const { code, lines } = await play('clears-are-quick.test.yaml');
  expect(lines.at(-1)).toBe('4 of 4 hold');
  expect(code).toBe(0);
});

test('a case that does not hold says what must be, what is, and what the verdict rests on', async () => {
  writeTemplate((text) => text.replace('violations: 1', 'violations: 2'));
  const { code, lines } = await play('waits.test.yaml');
  expect(code).toBe(1);
  expect(lines.slice(0, 3)).toEqual([
    'FAILED  a task that waits for more than a minute is a violation',
    '        violations must be 2, and is 1',
    '        the verdict is fail: 1 violations, exercised 1 times; the first: wt_dag/run1/task was queued for 70.0 s ' +
      'before wt-api-execution-1 set it to RUNNING.',
  ]);
});

test('what is wrong with a test or its SQL names the file and the place', async () => {
  write('a.test.yaml', 'invariant: a.sql\ncases: [{ name: x, run: { operation: [] }, expect: {} }]\n');
  await expect(play('a.test.yaml')).rejects.toThrow(
    /a\.test\.yaml: cases\.0\.run: there is no "operation" \(did you mean "operations"\?\)[\s\S]*a\.sql cannot be read/,
  );
  writeTemplate((text) => text.replace('waited_ms > 60000', 'waited > 60000'));
  await expect(play('waits.test.yaml')).rejects.toThrow(/waits\.sql:18: Binder Error: .*waited/);
});

test('a name that a test cannot have is refused with those that there are, all at once', async () => {
  writeTemplate();
  write(
    'wrong.test.yaml',
    `invariant: waits.sql
cases:
  - name: x
    run:
      commits: [{ stat: queued }, { state: queued, committed: 1 }]
      scenario: { duraton_s: 1 }
      manifest: { writer: none }
      finals: { dagrun: [] }
    expect: { verdit: fail, verdict: fial, first: { subjct: a } }
`,
  );
  const refused = await play('wrong.test.yaml').catch((error: Error) => error.message.split('\n'));
  expect(refused).toEqual(
    [
      /commits\.0: there is no "stat" \(did you mean "state"\?\); there is seq, .*committed_ms, /,
      /commits\.1: there is no "committed" \(did you mean "committed_ms"\?\)/,
      /run\.manifest: there is no "writer" \(did you mean "writers"\?\)/,
      /run\.scenario: there is no "duraton_s" \(did you mean "duration_s"\?\)/,
      /run\.finals: there is no "dagrun" \(did you mean "dag_run"\?\); there is task_instance, /,
      /expect\.verdict: must be one of "pass", "fail", "unknown", not "fial"/,
      /expect\.first: there is no "subjct" \(did you mean "subject"\?\)/,
      /expect: there is no "verdit" \(did you mean "verdict"\?\); there is name, claim, verdict, /,
    ].map((line) => expect.stringMatching(line)),
  );
});

test('a folder of a user is tried before it is used, and says all that is wrong with it', async () => {
  const sql = template.files[0]?.text ?? '';
  mkdirSync(path.join(folder, 'empty'));
  await expect(readOwnInvariants(path.join(folder, 'empty'))).rejects.toThrow(/no \.sql file/);
  await expect(readOwnInvariants(path.join(folder, 'none'))).rejects.toThrow(/cannot be read/);
  write('no-deadlocks.sql', sql);
  write('wrong.sql', sql.replace('FROM starts WHERE', 'FROM start WHERE'));
  await expect(readOwnInvariants(folder)).rejects.toThrow(
    /no-deadlocks\.sql: an invariant of this name ships[\s\S]*wrong\.sql:18: Catalog Error: .*start/,
  );
});

test('an own invariant is judged beside the others, and its violations are findings', async () => {
  writeTemplate();
  const own = await readOwnInvariants(folder);
  const run = writeLiteralRun({
    operations: [{}],
    commits: [
      { state: 'queued', committed_ms: 1_000 },
      { state: 'running', committed_ms: 71_000, writer: 'wt-api-execution-1' },
    ],
  });
  const judgement = await judge(run.folder, { own });
  run.remove();
  expect(judgement.invariants.at(-1)).toMatchObject({ name: 'waits', verdict: 'fail', violations: 1 });
  expect(judgement.findings.map(({ title }) => title)).toContain(
    'A task waited for more than a minute in the queue (api-execution)',
  );
});
