import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Build } from '../model/build.ts';
import { UsageError } from '../model/errors.ts';
import type { ExportedTest, PytestedBuild } from '../model/exported-test.ts';
import { knownRaceNamed } from '../races/index.ts';
import { runPytest } from '../stacks/airflow/pytest.ts';
import { knownBuild } from '../stacks/start-build.ts';
import { ProcessTable } from '../system/process-table.ts';
import { makeScratchFolder, removeScratchFolder } from '../system/scratch-folder.ts';
import type { RaceOnBuild } from './subject.ts';

/** With what a race's test ends; it stands beside the race's own file, without the # of its name. */
const ENDING = '.pytest.py';
/** A line of it: what a failure says that is the race's, and not the machine's or the test's. */
const BECAUSE = /^# Where the race is, it fails with: (.+)$/m;
const RACES = fileURLToPath(new URL('../races/', import.meta.url));
/** What Airflow's own fixtures are inside its repository. */
const FIXTURES = fileURLToPath(new URL('./conftest.py', import.meta.url));

export interface WantedTest {
  readonly race: string;
  /** What is shown to have the race, and what is shown to be without it. */
  readonly fails: Build & { readonly kind: 'airflow' };
  readonly passes: Build & { readonly kind: 'airflow' };
  readonly out: string;
}

/** Names of races that have a test, as their files have them. */
export function testedRaces(): string[] {
  return readdirSync(RACES)
    .filter((file) => file.endsWith(ENDING))
    .map((file) => file.slice(0, -ENDING.length))
    .sort();
}

/** UsageError: the race has no test, or one of the builds is none that has code of Airflow. */
export function wantedTest(
  { race, build }: RaceOnBuild,
  { passesOn, out }: { readonly passesOn?: string | undefined; readonly out?: string | undefined },
): WantedTest {
  const slug = slugOf(race);
  if (!testedRaces().includes(slug))
    throw new UsageError(`The race ${race} has no pytest; these have one: ${testedRaces().join(', ')}.`);
  const trial = knownRaceNamed(race)?.trial;
  const fails = build ?? trial?.has[0];
  const passes = passesOn ?? trial?.has_not ?? undefined;
  if (fails === undefined) throw new UsageError(`Name a build that has ${race}: --build airflow@VERSION.`);
  if (passes === undefined) throw new UsageError(`Name a build without ${race}: --passes-on airflow@VERSION.`);
  return { race, fails: airflowOf(fails), passes: airflowOf(passes), out: out ?? `pytest-${slug}` };
}

function slugOf(race: string): string {
  return race.replace(/^#/, '');
}

function airflowOf(name: string): Build & { readonly kind: 'airflow' } {
  const build = knownBuild(name);
  if (build.kind === 'airflow') return build;
  throw new UsageError(`A pytest runs with the code of Airflow, and ${name} has none: name a release.`);
}

/** Writes the test of a race with its fixtures, and runs it on a build that has the race and on one that has not. */
export async function exportTest(
  { race, fails, passes, out }: WantedTest,
  { progress, signal }: { progress(text: string): void; readonly signal: AbortSignal },
): Promise<ExportedTest> {
  const slug = slugOf(race);
  const file = path.join(out, `test_${slug.replaceAll('-', '_')}.py`);
  mkdirSync(out, { recursive: true });
  copyFileSync(path.join(RACES, `${slug}${ENDING}`), file);
  copyFileSync(FIXTURES, path.join(out, 'conftest.py'));
  const builds: PytestedBuild[] = [];
  for (const [build, wanted] of [
    [fails, 'failed'],
    [passes, 'passed'],
  ] as const) {
    const workshop = makeScratchFolder();
    const table = new ProcessTable(randomBytes(3).toString('hex'));
    try {
      const { version, patches } = build;
      const outcome = await runPytest({
        version,
        patches,
        tests: path.resolve(out),
        workshop,
        table,
        progress,
        signal,
      });
      builds.push({ build: build.name, wanted, outcome });
    } finally {
      await table.close();
      await removeScratchFolder(workshop);
    }
  }
  const because = BECAUSE.exec(readFileSync(file, 'utf8'))?.[1];
  if (because === undefined) throw new Error(`${file} does not say with what it fails.`);
  return { race, file, because, builds };
}
