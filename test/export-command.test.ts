import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { HOSTILE } from '../harness/testing/fixture.ts';
import { type LiteralRun, writeLiteralRun } from '../harness/testing/literal-run.ts';
import { callInProcess } from './in-process.ts';

/** In the order of `.github/ISSUE_TEMPLATE/1-airflow_bug_report.yml` of apache/airflow. */
const HEADINGS = [
  'Under which category would you file this issue?',
  'Apache Airflow version',
  'What happened and how to reproduce it?',
  'What you think should happen instead?',
  'Operating System',
  'Deployment',
  'Apache Airflow Provider(s)',
  'Versions of Apache Airflow Providers',
  'Official Helm Chart version',
  'Kubernetes Version',
  'Helm Chart configuration',
  'Docker Image customizations',
  'Anything else?',
];
const FAILED: LiteralRun = {
  manifest: { build: 'airflow@3.3.2', identity: { airflow: '3.3.2', python: '3.11.7', postgres: '18.4' } },
  operations: [
    { kind: 'state', requested: 'success', outcome: 'unknown', status: 500, sent_ms: 5_000, ended_ms: 5_300 },
  ],
};

describe('windtunnel export --as airflow-issue', () => {
  let stored: ReturnType<typeof writeLiteralRun>;
  let passed: ReturnType<typeof writeLiteralRun>;
  beforeAll(() => {
    stored = writeLiteralRun(FAILED);
    passed = writeLiteralRun({ ...FAILED, manifest: { ...FAILED.manifest, build: 'airflow@3.4.0b2' }, operations: [] });
    const { started_at } = JSON.parse(readFileSync(path.join(stored.folder, 'manifest.json'), 'utf8'));
    const line = (s: number, text: string) =>
      `${new Date(Date.parse(started_at) + s * 1_000).toISOString()} [info] ${text}\n`;
    mkdirSync(path.join(stored.folder, 'logs'));
    writeFileSync(
      path.join(stored.folder, 'logs', 'scheduler-1.log'),
      `${line(1, 'long before')}${line(5, 'at that time')}  File "${os.homedir()}/x.py", line 7\n${line(9, 'later')}`,
    );
    writeFileSync(path.join(stored.folder, 'logs', 'triggerer-1.log'), line(90, 'another time'));
  });
  afterAll(() => {
    stored.remove();
    passed.remove();
  });

  const exported = (...args: string[]) =>
    callInProcess(['export', stored.folder, 'F1', '--as', 'airflow-issue', ...args], stored.folder);

  test('has the headings of the form, in their order, and says who drafted it', async () => {
    const { code, stdout, stderr } = await exported();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect([...stdout.matchAll(/^### (.*)$/gm)].map(([, heading]) => heading)).toEqual(HEADINGS);
    expect(stdout.trimEnd().split('\n').at(-1)).toMatch(
      /^Drafted-by: windtunnel v\S+ \(no human review before posting\)$/,
    );
    expect(stdout).toContain('affected_version:3.3');
    expect(stdout).toContain('windtunnel run literal --seed 7');
    expect(stdout).toMatch(/^\| −300 ms \| reports SUCCESS: 500, after 300 ms \| ✗ \|$/m);
  });

  test('counts the runs of each build that put it to the test', async () => {
    const { stdout } = await exported('--also', passed.folder);
    expect(stdout).toMatch(/^\| 3\.3\.2 \| 1 of 1 run \| 1 \|/m);
    expect(stdout).toMatch(/^\| 3\.4\.0b2 \| not put to the test \| 0 \|/m);
  });

  test('has the logs of that time, with the lines that belong to one, and no home folder', async () => {
    const { stdout } = await exported('--around', '2');
    expect(stdout).toMatch(/\[info\] at that time\n {2}File "~\/x\.py", line 7\n```/);
    expect(stdout).not.toMatch(/long before|later|another time|triggerer/);
  });

  test('says all that is wrong with the words', async () => {
    const { code, stderr } = await exported('--around', '-1', '--out', stored.folder);
    expect(code).toBe(2);
    expect(stderr).toMatch(/is a folder: name a file with --out\./);
    const wrong = await exported('--around', '-1');
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect(wrong.stderr).toMatch(/--around must be a number of seconds from 0 to 3600, not -1\./);
  });

  test('a hostile run injects no heading, no comment and no mention', async () => {
    const hostile = writeLiteralRun({
      manifest: { build: HOSTILE, identity: { airflow: `${HOSTILE} -->`, python: HOSTILE } },
      scenario: { describe: HOSTILE },
      operations: [{ ...FAILED.operations?.[0], message: HOSTILE, dag_id: HOSTILE, task_id: HOSTILE }],
    });
    try {
      const words = ['export', hostile.folder, 'F1', '--as', 'airflow-issue'];
      const { code, stdout } = await callInProcess(words, hostile.folder);
      expect(code).toBe(0);
      expect([...stdout.matchAll(/^### (.*)$/gm)].map(([, heading]) => heading)).toEqual(HEADINGS);
      expect(stdout.match(/-->/g)).toHaveLength(2 + [...stdout.matchAll(/@<!-- -->/g)].length);
      expect(stdout).not.toMatch(/<script|<img|\]\(http/);
    } finally {
      hostile.remove();
    }
  });
});
