import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
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
  manifest: {
    build: 'airflow@3.3.2',
    identity: { airflow: '3.3.2', packages: 'abc123', python: '3.11.7', postgres: '18.4' },
  },
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

  test('says where it is in the source of the run, or that this is not here', async () => {
    expect((await exported()).stdout).toMatch(/^Where this is in the source was not looked up: .* not installed here/m);
    const cache = path.join(stored.folder, 'cache');
    const installed = path.join(cache, 'airflow', '3.3.2-py3.11-0a1b2c3d');
    const file = 'api_fastapi/execution_api/routes/task_instances.py';
    const source = path.join(installed, '5e6f7a8b', 'lib', 'python3.11', 'site-packages', 'airflow', file);
    mkdirSync(path.dirname(source), { recursive: true });
    writeFileSync(source, '# The routes\n\ndef ti_update_state(session):\n    pass\n');
    const complete = { place: '5e6f7a8b', facts: { packages_hash: FAILED.manifest?.identity?.packages } };
    writeFileSync(path.join(installed, 'complete.json'), JSON.stringify(complete));
    const words = ['export', stored.folder, 'F1', '--as', 'airflow-issue'];
    const { stdout } = await callInProcess(words, stored.folder, { WINDTUNNEL_CACHE: cache });
    const link = `https://github.com/apache/airflow/blob/3.3.2/airflow-core/src/airflow/${file}#L3`;
    expect(stdout).toContain(`](${link}) | in ti\\_update\\_state: def ti\\_update\\_state(session): |`);
  });

  test('says all that is wrong with the words', async () => {
    const { code, stderr } = await exported('--around', '-1', '--out', stored.folder);
    expect(code).toBe(2);
    expect(stderr).toMatch(/is a folder: name a file with --out\./);
    const wrong = await exported('--around', '-1');
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect(wrong.stderr).toMatch(/--around must be a number of seconds from 0 to 3600, not -1\./);
  });

  test('without a finding, a run that is no replay is refused, and a file that is none', async () => {
    const words = (run: string) => ['export', run, '--as', 'airflow-issue'];
    const none = await callInProcess(words(stored.folder), stored.folder);
    expect(none).toMatchObject({ code: 2, stderr: expect.stringMatching(/Name a finding, such as F1/) });
    const file = await callInProcess(words('x.race.yaml'), stored.folder);
    expect(file).toMatchObject({ code: 2, stderr: expect.stringMatching(/There is no file x\.race\.yaml/) });
  });

  test('of a race, what only a run has is refused before anything is played', async () => {
    const words = ['export', '63581', 'F1', '--as', 'airflow-issue', '--times', '0', '--passes-on', 'airflow@2.9.0'];
    const { code, stderr } = await callInProcess(words, stored.folder);
    expect(code).toBe(2);
    expect(stderr).toMatch(/63581 is no run folder, so it has no finding F1\.\n.*--times must be/s);
    expect((await exported('--times', '3')).stderr).toMatch(/For the issue of a run --times means nothing/);
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

test('as a DAG, what is wrong is said before anything is started', async () => {
  const stored = writeLiteralRun(FAILED);
  try {
    const words = ['export', stored.folder, '--as', 'dag', '--minutes', '0', '--times', '3', '--out', stored.folder];
    const { code, stdout, stderr } = await callInProcess(words, stored.folder);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/For a DAG --times means nothing.*--minutes must be.*Name a finding.*is not empty/s);
  } finally {
    stored.remove();
  }
});

describe('windtunnel export --as pytest', () => {
  let passed: ReturnType<typeof writeLiteralRun>;
  beforeAll(() => {
    passed = writeLiteralRun(FAILED);
  });
  afterAll(() => passed.remove());

  const refused = async (...words: string[]) => {
    const { code, stdout, stderr } = await callInProcess(['export', ...words, '--as', 'pytest'], passed.folder);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    return stderr;
  };

  test('a finding that is no known race has none', async () => {
    expect(await refused(passed.folder, 'F1')).toMatch(/F1 is no known race, and only of these there are tests/);
    expect(await refused(passed.folder)).toMatch(/Name a finding, such as F1/);
  });

  test('says all that is wrong with the words, and writes nothing', async () => {
    const wrong = await refused('63266', '--also', 'x', '--out', passed.folder);
    expect(wrong).toMatch(/For a pytest --also means nothing: leave it out\.\n.*is not empty: name another with --out/);
    expect(await refused('66735')).toMatch(/The race #66735 has no pytest; these have one: /);
    expect(await refused('63266', 'F1')).toMatch(/63266 is no run folder, so it has no finding F1\./);
    expect(await refused('runs/none')).toMatch(/There is no runs\/none: give a run folder, a race file or a race\./);
    expect(existsSync(path.join(passed.folder, 'pytest-63266'))).toBe(false);
  });
});
