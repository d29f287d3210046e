/**
 * The wave of an upgrade: in how many upgrades the deadlock of #66734 was seen before, in the wave and after it.
 *
 *     npm run upgrades -- [--runs 5] [--first-seed 1001] [--out runs/upgrades]
 *
 * Upgrades that are complete in --out are read instead of repeated, so that an interrupted series continues. One takes
 * four to six minutes. Exit code: 0 if each cell is as expected, 1 if not, 2 for wrong arguments, 4 if an
 * upgrade could not be played.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { messageOf } from '../harness/model/errors.ts';
import { PHASES, type Upgrade, type UpgradePhaseName } from '../harness/model/upgrade.ts';
import { flagsOf, seriesOf, seriesOptions } from './flags.ts';
import { windtunnel } from './program.ts';

const FROM = 'airflow@3.1.8';
/** Whether the wave of this build deadlocks; `undefined` where nothing is expected. */
const TO: Readonly<Record<string, boolean>> = { 'airflow@3.2.1': true, 'airflow@3.2.2': false };
const RACE = '#66734';
/** Far beyond what an upgrade takes. */
const DEADLINE_MS = 60 * 60_000;

const { values } = flagsOf({
  options: {
    ...seriesOptions(1001),
    out: { type: 'string', default: 'runs/upgrades' },
  },
});
const { runs, firstSeed, problems } = seriesOf(values);
const out = path.resolve(values.out);
const upgrades: Upgrade[] = [];

if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exitCode = 2;
} else {
  try {
    await play();
    console.log(asMarkdown());
    process.exitCode = Object.entries(TO).every(([to, deadlocks]) => isExpected(to, deadlocks)) ? 0 : 1;
  } catch (error) {
    console.error(messageOf(error));
    process.exitCode = 4;
  }
}

async function play(): Promise<void> {
  mkdirSync(out, { recursive: true });
  for (let round = 0; round < runs; round++) {
    // The builds take turns: a machine that becomes slower affects both alike.
    for (const to of Object.keys(TO)) {
      const seed = firstSeed + round;
      upgrades.push(await upgraded(path.join(out, `${to.replace('airflow@', '')}-${seed}`), to, seed));
      writeFileSync(path.join(out, 'upgrades.md'), asMarkdown());
    }
  }
}

async function upgraded(folder: string, to: string, seed: number): Promise<Upgrade> {
  const file = path.join(folder, 'upgrade.json');
  const read = (): Upgrade => JSON.parse(readFileSync(file, 'utf8'));
  if (existsSync(file) && read().state === 'completed') return read();
  rmSync(folder, { recursive: true, force: true });
  const args = ['upgrade', '--from', FROM, '--to', to, '--seed', String(seed), '--out', folder];
  await windtunnel(args, DEADLINE_MS);
  return read();
}

function timesIn(upgrade: Upgrade, phase: UpgradePhaseName): number {
  const judged = upgrade.phases.find(({ name }) => name === phase)?.judged;
  const found = judged?.findings.filter(({ known_race }) => known_race === RACE) ?? [];
  return found.reduce((sum, { occurrences }) => sum + occurrences, 0);
}

function isExpected(build: string, deadlocks: boolean): boolean {
  const all = upgrades.filter(({ to }) => to === build).map((one) => timesIn(one, 'wave'));
  return deadlocks ? all.some((times) => times > 0) : all.every((times) => times === 0);
}

function asMarkdown(): string {
  const head = `| upgrade to | ${PHASES.join(' | ')} | new versions in the wave | migration, s |`;
  const rows = Object.keys(TO).map((build) => {
    const all = upgrades.filter(({ to }) => to === build);
    const cells = PHASES.map((phase) => {
      const times = all.map((one) => timesIn(one, phase));
      const seen = times.filter((n) => n > 0).length;
      return `${seen} of ${times.length}${seen > 0 ? ` (${times.join(', ')})` : ''}`;
    });
    return `| ${[build, ...cells, range(all.map(versionsOfWave)), range(all.map(migrationSeconds))].join(' | ')} |`;
  });
  const said = `In how many upgrades from ${FROM} the deadlock of ${RACE} was seen, and how often in each.`;
  const played = `Scenario \`many-dags\`, seeds from ${firstSeed}, ${runs} of each planned.`;
  return `${said} ${played}\n\n${head}\n|${' --- |'.repeat(PHASES.length + 3)}\n${rows.join('\n')}\n`;
}

function versionsOfWave({ phases }: Upgrade): number | null {
  const [before, wave] = phases.map(({ left }) => left?.dag_versions);
  return before === undefined || wave === undefined ? null : wave - before;
}

function migrationSeconds({ migration }: Upgrade): number | null {
  return migration?.migrate_s ?? null;
}

function range(values: readonly (number | null)[]): string {
  const known = values.flatMap((value) => (value === null ? [] : [Math.round(value)]));
  if (known.length === 0) return '';
  const [least, most] = [Math.min(...known), Math.max(...known)];
  return least === most ? `${least}` : `${least}–${most}`;
}
