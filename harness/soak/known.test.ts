import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { scenario as seeds } from '../../workloads/scenarios/seeds.ts';
import { verdictForExit } from '../console/command.ts';
import { knownText } from '../known/file.ts';
import { mergeKnown, NO_FINDINGS } from '../known/merge.ts';
import { readBatches } from '../known/sources.ts';
import { SOAK_FORMAT, type Soak } from '../model/soak.ts';
import { RUN_FORMAT } from '../model/tables.ts';
import type { Judgement } from '../model/verdict.ts';
import { invariant, judgement, manifest } from '../testing/fixture.ts';
import { finding } from '../testing/fixture-finding.ts';
import { baseline as literalBaseline } from '../testing/known-fixture.ts';
import { literalWindow } from '../testing/literal-window.ts';
import { SoakFolder } from './folder.ts';
import { SoakKnown } from './known.ts';
import { judgedWindow } from './verdict.ts';

/** Two windows with the branch skip; the second has a deadlock as well where asked for. */
const SKIPPED = finding({ fingerprint: 'aaaa1111' });
const DEADLOCK = finding({
  id: 'F2',
  fingerprint: 'bbbb2222',
  title: 'Two transactions deadlocked',
  known_race: null,
  root: { invariant: 'no-deadlocks', variant: 'other' },
  invariants: [{ name: 'no-deadlocks', claim: '', violations: 1 }],
});
const HELD = [{ name: 'run-completed', claim: '', verdict: 'pass', sentence: '' }] as const;

let top: string;

beforeAll(() => {
  top = mkdtempSync(path.join(tmpdir(), 'windtunnel-soak-known-'));
});
afterAll(() => rmSync(top, { recursive: true, force: true }));

function judged(findings: Judgement['findings']): Judgement {
  const broken = new Set(findings.flatMap((one) => one.invariants.map(({ name }) => name)));
  return judgement({
    build: 'airflow@3.3.2',
    findings,
    assumptions: HELD,
    thresholds: [],
    invariants: ['running-is-not-overwritten', 'acknowledged-is-durable', 'no-deadlocks'].map((name) =>
      invariant(name, broken.has(name) ? 'fail' : 'pass', { variants: broken.has(name) ? { other: 1 } : {} }),
    ),
  });
}

/** A soak of these windows, judged one after another against the file. */
async function soaked(name: string, windows: readonly Judgement[], known: string | undefined): Promise<SoakFolder> {
  const file = path.join(top, `${name}.yaml`);
  if (known !== undefined) writeFileSync(file, known);
  const soak: Soak = {
    format: SOAK_FORMAT,
    id: name,
    subject: { build: 'airflow@3.3.2' },
    plan: { seed: 7, scenario: seeds },
    ...(known === undefined ? {} : { known_file: file }),
    windows_planned: windows.length,
    keep: { windows: 3, bytes: 1e9 },
    started_at: '2026-11-29T22:00:00.000Z',
    state: 'running',
    why: null,
    verdict: 'unknown',
    never_tested: [],
    sessions: [],
    gaps: [],
    windows: [],
    drift: [],
  };
  const baseline = known === undefined ? undefined : { ...literalBaseline([]), path: file, text: known };
  const folder = await SoakFolder.create(path.join(top, name), soak, baseline);
  await folder.compareWith(await SoakKnown.open(folder.path, folder.soak));
  for (const [i, verdict] of windows.entries()) await play(folder, i + 1, verdict);
  await folder.update({ state: 'completed' });
  return folder;
}

async function play(folder: SoakFolder, number: number, verdict: Judgement): Promise<void> {
  const window = literalWindow(number, { folder: `windows/000${number}`, judged: null });
  const run = folder.runFolder(window);
  mkdirSync(run, { recursive: true });
  const id = `00000${number}`;
  const described = manifest({ id, format: RUN_FORMAT, build: 'airflow@3.3.2', identity: { airflow: '3.3.2' } });
  writeFileSync(path.join(run, 'manifest.json'), JSON.stringify({ ...described, ended: 'completed' }));
  writeFileSync(path.join(run, 'verdict.json'), JSON.stringify(verdict));
  await folder.update({ windows: [...folder.soak.windows, window] });
  await folder.observed(window);
  await folder.updateWindow(window.folder, { judged: judgedWindow(verdict, 1) });
}

const fileOf = async (soak: SoakFolder) => knownText(mergeKnown(NO_FINDINGS, await readBatches([soak.path])).file);
const statuses = ({ soak }: SoakFolder) => soak.known?.findings.map(({ title, status }) => `${status}: ${title}`);

test('what last night found is still there, and the exit code 0; what it did not is new, and it is 1', async () => {
  const last = await soaked('last', [judged([SKIPPED]), judged([SKIPPED])], undefined);
  expect(verdictForExit(last.soak)).toBe('fail');
  const known = await fileOf(last);

  const tonight = await soaked('tonight', [judged([SKIPPED]), judged([SKIPPED])], known);
  expect(tonight.soak.verdict).toBe('fail');
  expect(verdictForExit(tonight.soak)).toBe('pass');
  expect(statuses(tonight)).toEqual([`still there: ${SKIPPED.title}`]);

  const worse = await soaked('worse', [judged([SKIPPED]), judged([SKIPPED, DEADLOCK])], known);
  expect(verdictForExit(worse.soak)).toBe('fail');
  expect(statuses(worse)).toEqual([`new: ${DEADLOCK.title}`, `still there: ${SKIPPED.title}`]);
  expect(worse.soak.known?.sentence).toMatch(/^New: .*; still there: #63266\.$/);
});

test('a soak that continues is compared with the file as it was, windows of earlier sessions included', async () => {
  const known = await fileOf(await soaked('before', [judged([SKIPPED])], undefined));
  const begun = await soaked('begun', [judged([SKIPPED, DEADLOCK])], known);
  // The user's file is another one now.
  writeFileSync(path.join(top, 'begun.yaml'), 'format: 1\nexpires_after: 10\nfindings: []\nsources: []\n');
  const resumed = SoakFolder.open(begun.path);
  await resumed.compareWith(await SoakKnown.open(resumed.path, resumed.soak));
  expect(statuses(resumed)).toEqual([`new: ${DEADLOCK.title}`, `still there: ${SKIPPED.title}`]);
  expect(JSON.parse(readFileSync(path.join(begun.path, 'soak.json'), 'utf8')).known.verdict).toBe('fail');
});
