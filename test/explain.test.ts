import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Finding } from '../harness/model/finding.ts';
import { type LiteralRun, writeLiteralRun } from '../harness/testing/literal-run.ts';
import { callInProcess } from './in-process.ts';

const FAILED: LiteralRun = {
  operations: [
    { kind: 'state', requested: 'success', outcome: 'unknown', status: 500, sent_ms: 5_000, ended_ms: 5_300 },
  ],
};

describe('windtunnel explain, from the stored folder alone', () => {
  let stored: ReturnType<typeof writeLiteralRun>;
  beforeAll(() => {
    stored = writeLiteralRun(FAILED);
  });
  afterAll(() => stored.remove());

  const explain = (...args: string[]) => callInProcess(['explain', stored.folder, ...args], stored.folder);

  test('names every finding, and prints the whole timeline of one', async () => {
    const all = await explain();
    expect(all).toMatchObject({ code: 0, stderr: '' });
    expect(all.stdout).toMatch(
      /^F1 {2}A request was answered with an error that the API contract does not allow \(state 500\): once/,
    );
    const one = await explain('F1');
    expect(one.stdout).toMatch(/−300 ms \* w-1 {2}reports SUCCESS: 500, after 300 ms/);
    expect(one.stdout).toMatch(/^repeat +windtunnel run literal --seed 7$/m);
  });

  test('prints one document for programs, and knows a finding by its fingerprint, too', async () => {
    const findings: Finding[] = JSON.parse((await explain('--json')).stdout);
    expect(findings.map(({ id }) => id)).toEqual(['F1']);
    const one: Finding = JSON.parse((await explain(findings[0]?.fingerprint.slice(0, 5) ?? '', '--json')).stdout);
    expect(one).toEqual(findings[0]);
  });

  test('says which findings there are when asked for another', async () => {
    const { code, stdout, stderr } = await explain('F7');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^There is no finding "F7" in this run: choose one of F1 \([0-9a-f]{8}\)\.$/m);
  });
});
