import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { installAirflow } from '../../harness/stacks/airflow/install.ts';
import { CASES, type FidelityCase } from './cases.ts';
import { headersOf, masked, type Recording } from './recording.ts';
import { ScriptedApi } from './stub.ts';

/** Plays the cases with the real worker of a release, side by side: a minute, from 3.4 on three, most of it waiting. */
export async function record(
  release: string,
  signal: AbortSignal,
  log: (line: string) => void,
  cases: readonly FidelityCase[] = CASES,
): Promise<Recording> {
  const { python } = await installAirflow(release, { log, signal });
  const api = new ScriptedApi(cases, release, () => performance.now());
  const url = await api.listen();
  const home = mkdtempSync(path.join(tmpdir(), 'wt-fidelity-'));
  try {
    const dags = path.join(home, 'dags');
    mkdirSync(dags);
    cpSync(path.join(import.meta.dirname, 'real_dags.py'), path.join(dags, 'real_dags.py'));
    const ends = await playReal(python, { home, dags, url, cases, signal });
    const sent = cases.map((_, place) => api.sentBy(place));
    return {
      release,
      headers: headersOf(sent.flat()),
      cases: Object.fromEntries(
        cases.map(({ name }, place) => [
          name,
          { end: ends.get(place) ?? 'unknown', requests: masked(sent[place] ?? []) },
        ]),
      ),
    };
  } finally {
    await api.close();
    rmSync(home, { recursive: true, force: true });
  }
}

/** 3.4 takes three minutes. */
const LONGEST_MS = 600_000;

interface Setting {
  readonly home: string;
  readonly dags: string;
  readonly url: string;
  readonly cases: readonly FidelityCase[];
  readonly signal: AbortSignal;
}

/** How each case ended, by its place. */
async function playReal(python: string, { home, dags, url, cases, signal }: Setting): Promise<Map<number, string>> {
  const child = spawn(python, [path.join(import.meta.dirname, 'real_workers.py')], {
    signal,
    timeout: LONGEST_MS,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      HOME: home,
      // The installation is shared.
      PYTHONDONTWRITEBYTECODE: '1',
      AIRFLOW_HOME: home,
      AIRFLOW__CORE__DAGS_FOLDER: dags,
      AIRFLOW__CORE__LOAD_EXAMPLES: 'False',
      AIRFLOW__CORE__FERNET_KEY: '',
      AIRFLOW__CORE__EXECUTION_API_SERVER_URL: `${url}/`,
      AIRFLOW__DATABASE__SQL_ALCHEMY_CONN: `sqlite:///${home}/none.db`,
      // As by default: the first heartbeat comes when the task's process first logs.
      AIRFLOW__LOGGING__LOGGING_LEVEL: 'INFO',
    },
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => {
    out += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    err += String(chunk);
  });
  for (const [place, { task, map_index = -1 }] of cases.entries()) {
    child.stdin.write(`${JSON.stringify({ name: `case-${place}`, task, map_index })}\n`);
  }
  child.stdin.end();
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
  if (code !== 0)
    throw new Error(`The real workers ended with code ${code}:\n${err.split('\n').slice(-20).join('\n')}`);
  const ends = out
    .split('\n')
    .filter((line) => line !== '')
    .map((line): { name: string; end: string } => JSON.parse(line));
  return new Map(ends.map(({ name, end }) => [Number(name.slice('case-'.length)), end]));
}
