/**
 * The wave of an upgrade: in how many upgrades the deadlock of #66734 was seen before, in the wave and after it.
 *
 *     npm run upgrades                                   the table of docs/upgrade.md from records/upgrades.json
 *     npm run upgrades -- --measure [--runs 5]           plays the upgrades that are missing, and keeps each as soon as
 *                         [--first-seed 1001]            it is played
 *                         [--out runs/upgrades]
 *
 * How long it takes is said first; an upgrade takes four to six minutes. Exit code: 0 if each build is as expected, 1
 * if not, 2 for wrong arguments, 4 if an upgrade could not be played: the others are kept.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { messageOf } from '../harness/model/errors.ts';
import { PHASES, type Upgrade, type UpgradePhaseName } from '../harness/model/upgrade.ts';
import { markdownTable } from '../reports/markdown/document.ts';
import { flagsOf, seriesOf, seriesOptions } from './flags.ts';
import { newestCommit } from './judged-run.ts';
import { withParts } from './marked-parts.ts';
import { windtunnel } from './program.ts';

const FROM = 'airflow@3.1.8';
/** Whether the wave of this build deadlocks. */
const TO: Readonly<Record<string, boolean>> = { 'airflow@3.2.1': true, 'airflow@3.2.2': false };
const RACE = '#66734';
/** Far beyond what an upgrade takes. */
const DEADLINE_MS = 60 * 60_000;
const MINUTES = 5;

/** What is kept of an upgrade: a line of records/upgrades.json. */
interface KeptUpgrade {
  readonly to: string;
  readonly scenario: string;
  readonly seed: number;
  readonly at: string;
  /** The newest commit of windtunnel then. */
  readonly commit: string;
  /** Deadlocks of the race. A phase that was not judged is absent. */
  readonly deadlocks: Readonly<Partial<Record<UpgradePhaseName, number>>>;
  /** DAG versions that the wave made; null if the database could not be asked. */
  readonly versions: number | null;
  readonly migrate_s: number | null;
}

const { values } = flagsOf({
  options: {
    measure: { type: 'boolean', default: false },
    ...seriesOptions(1001),
    out: { type: 'string', default: 'runs/upgrades' },
  },
});
const { runs, firstSeed, problems } = seriesOf(values);
const root = path.join(import.meta.dirname, '..');
const record = path.join(root, 'records', 'upgrades.json');
const page = path.join(root, 'docs', 'upgrade.md');
const out = path.resolve(values.out);

if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exitCode = 2;
} else {
  try {
    if (values.measure) await measure();
    const wrong = Object.entries(TO).filter(([to, deadlocks]) => !isExpected(to, deadlocks));
    for (const [to, deadlocks] of wrong)
      console.error(`The wave of ${to}: ${deadlocks ? 'no deadlock' : 'deadlocks'}.`);
    process.exitCode = wrong.length === 0 ? 0 : 1;
  } catch (error) {
    console.error(messageOf(error));
    process.exitCode = 4;
  }
  writeFileSync(page, withParts(readFileSync(page, 'utf8'), 'docs/upgrade.md', { upgrades: table() }));
}

async function measure(): Promise<void> {
  // The builds take turns: a machine that becomes slower affects both alike.
  const all = Array.from({ length: runs }, (_, round) => firstSeed + round).flatMap((seed) =>
    Object.keys(TO).map((to) => ({ to, seed })),
  );
  const due = all.filter((one) => !kept().some(({ to, seed }) => to === one.to && seed === one.seed));
  console.error(`${due.length} of ${all.length} upgrades are to be played: about ${due.length * MINUTES} minutes.`);
  mkdirSync(out, { recursive: true });
  for (const { to, seed } of due) {
    const one = keptOf(await upgraded(path.join(out, `${to.replace('airflow@', '')}-${seed}`), to, seed));
    const lines = [...kept(), one].sort((a, b) => a.to.localeCompare(b.to) || a.seed - b.seed);
    writeFileSync(record, `[\n${lines.map((line) => JSON.stringify(line)).join(',\n')}\n]\n`);
    const times = Object.entries(one.deadlocks).map(([phase, n]) => `${phase} ${n}`);
    console.error(`${to}, seed ${seed}: deadlocks ${times.join(', ')}`);
  }
}

async function upgraded(folder: string, to: string, seed: number): Promise<Upgrade> {
  const file = path.join(folder, 'upgrade.json');
  const read = (): Upgrade => JSON.parse(readFileSync(file, 'utf8'));
  if (existsSync(file) && read().state === 'completed') return read();
  rmSync(folder, { recursive: true, force: true });
  await windtunnel(['upgrade', '--from', FROM, '--to', to, '--seed', String(seed), '--out', folder], DEADLINE_MS);
  const played = read();
  if (played.state !== 'completed') throw new Error(`${folder}: ${played.state}, ${played.why}`);
  return played;
}

function keptOf({ to, plan, started_at, phases, migration }: Upgrade): KeptUpgrade {
  const judged = phases.flatMap(({ name, judged }) => (judged ? [[name, timesIn(judged.findings)] as const] : []));
  const [before, wave] = phases.map(({ left }) => left?.dag_versions);
  return {
    ...{ to, scenario: plan.scenario.name, seed: plan.seed, at: started_at },
    commit: newestCommit(started_at),
    deadlocks: Object.fromEntries(judged),
    versions: before === undefined || wave === undefined ? null : wave - before,
    migrate_s: migration?.migrate_s ?? null,
  };
}

function timesIn(findings: NonNullable<Upgrade['phases'][number]['judged']>['findings']): number {
  const found = findings.filter(({ known_race }) => known_race === RACE);
  return found.reduce((sum, { occurrences }) => sum + occurrences, 0);
}

function kept(): KeptUpgrade[] {
  return existsSync(record) ? (JSON.parse(readFileSync(record, 'utf8')) as KeptUpgrade[]) : [];
}

function isExpected(build: string, deadlocks: boolean): boolean {
  const all = kept().flatMap((one) => (one.to === build ? [one.deadlocks.wave ?? 0] : []));
  return deadlocks ? all.some((times) => times > 0) : all.every((times) => times === 0);
}

function table(): string {
  if (kept().length === 0) return 'Not measured yet.';
  const rows = Object.keys(TO).map((build) => {
    const all = kept().filter(({ to }) => to === build);
    const cells = PHASES.map((phase) => {
      const times = all.flatMap(({ deadlocks }) => deadlocks[phase] ?? []);
      const seen = times.filter((n) => n > 0).length;
      return `${seen} of ${times.length}${seen > 0 ? ` (${times.join(', ')})` : ''}`;
    });
    return [build, ...cells, range(all.map(({ versions }) => versions)), range(all.map(({ migrate_s }) => migrate_s))];
  });
  return markdownTable(['upgrade to', ...PHASES, 'new versions in the wave', 'migration, s'], rows);
}

function range(values: readonly (number | null)[]): string {
  const known = values.flatMap((value) => (value === null ? [] : [Math.round(value)]));
  if (known.length === 0) return '';
  const [least, most] = [Math.min(...known), Math.max(...known)];
  return least === most ? `${least}` : `${least}–${most}`;
}
