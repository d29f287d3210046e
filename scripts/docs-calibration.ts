import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type NewestFigures, newestFigures } from '../harness/calibrate/figures.ts';
import { readKept } from '../harness/calibrate/results.ts';
import { listInvariants } from '../harness/judge/invariants.ts';
import type { Calibration, CleanFigures, Planted } from '../harness/model/calibration.ts';
import { REFERENCE_DEFECTS } from '../harness/stacks/defects.ts';
import { aimsText, cleanText, firstText, foundText, intervalOf } from '../reports/calibration.ts';
import { markdownTable, plain } from '../reports/markdown/document.ts';
import { count, lines, seconds } from '../reports/words.ts';
import { withParts } from './marked-parts.ts';

/**
 * `npm run calibration-docs` writes the figures of docs/calibration.md. They are made of the catalogue of defects, the
 * invariants, and the results that `windtunnel calibrate` kept in records/calibration/; a test holds them together.
 */
export interface CalibrationSources {
  readonly planted: readonly Planted[];
  readonly invariants: readonly { readonly name: string; readonly claim: string }[];
  readonly kept: readonly Calibration[];
}

/** A try of fewer runs says little, and does not replace what more runs said. */
export const LEAST_RUNS = 2;

/** The document with everything between its markers replaced. Throws if a marker is missing. */
export function withFigures(document: string, all: CalibrationSources): string {
  const troubled = all.kept.filter(({ settings }) => settings.faults);
  const sources = { ...all, kept: all.kept.filter(({ settings }) => !settings.faults) };
  const measured = newestFigures(sources.kept, LEAST_RUNS);
  const parts = {
    figures: figures(sources, measured),
    clean: clean(sources),
    invariants: byInvariant(sources, measured),
    faults: underFaults(troubled),
  };
  return withParts(document, 'docs/calibration.md', parts);
}

/** The races first, as the catalogue has them; what was not measured yet says so. */
function figures({ planted }: CalibrationSources, measured: ReadonlyMap<string, NewestFigures>): string {
  const rows = catchable(planted).map((defect) => {
    const one = measured.get(defect.name)?.figures;
    const cells = one ? [foundText(one), intervalOf(one.interval), firstText(one)] : ['not measured', '–', '–'];
    const load = `${defect.scenario}, ${seconds(one?.duration_s ?? defect.durationS ?? 30)}`;
    return [`\`${defect.name}\``, defect.race ?? '', plain(defect.summary), load, ...cells];
  });
  const head = ['defect', 'race', 'what it does', 'load', 'found', '95 %', 'first violation: median (least–most)'];
  return [
    markdownTable(head, rows),
    provenance([...new Set([...measured.values()].map((one) => one.calibration))]),
  ].join('\n\n');
}

/** Where the figures come from. A result may be a part: each defect has its newest. */
function provenance(results: readonly Calibration[]): string {
  if (results.length === 0) return 'No result with enough runs is kept yet.';
  const said = [...results].sort((a, b) => a.started_at.localeCompare(b.started_at)).map(placeOf);
  return lines(`Measured ${said.join('; ')}.`, 120).join('\n');
}

function placeOf({ started_at, commit, machine, settings }: Calibration): string {
  const at = commit === null ? '' : ` at ${commit}`;
  return `${started_at.slice(0, 10)}${at} (${machine.cpus} CPUs, ${settings.jobs} at a time)`;
}

/** All results since the oldest that the figures rest on: none of them may have found a violation on a clean stack. */
export function currentResults(kept: readonly Calibration[]): readonly Calibration[] {
  const used = [...newestFigures(kept, LEAST_RUNS).values()].map(({ calibration }) => calibration.started_at);
  const [oldest] = used.sort();
  return oldest === undefined ? [] : kept.filter(({ started_at }) => started_at >= oldest);
}

function clean({ planted, kept }: CalibrationSources): string {
  const current = currentResults(kept);
  const cures = current.flatMap(({ remedies }) => remedies);
  const remedies = planted.filter(({ caughtBy }) => caughtBy.length === 0);
  return [
    `In the same results, and in all that were kept since: ${alarms(current.map((one) => one.clean))}.`,
    'Switches that must be as good as clean, because they cure or because they violate no invariant:',
    markdownTable(
      ['switch', 'what it does', 'runs', 'violations'],
      remedies.map(({ name, summary }) => {
        const own = cures.filter((cure) => cure.name === name);
        const sum = (of: 'runs' | 'false_alarms') => count(own.reduce((total, cure) => total + cure[of], 0));
        return [`\`${name}\``, plain(summary), sum('runs'), sum('false_alarms')];
      }),
    ),
  ].join('\n\n');
}

/** All results, and the newest by itself: it is about the code that there is. */
function underFaults(troubled: readonly Calibration[]): string {
  const all = `Scenario \`exploratory\` on the stack without defects: ${alarms(troubled.map((one) => one.clean))}.`;
  const newest = troubled.at(-1);
  if (newest === undefined || troubled.length === 1) return all;
  const said = [alarms([newest.clean]), ...aimsText(newest.clean)].join('; ');
  return lines(`${all} The newest result, of ${placeOf(newest)}: ${said}.`, 120).join('\n');
}

function alarms(all: readonly CleanFigures[]): string {
  const sum = (of: 'runs' | 'false_alarms') => all.reduce((total, clean) => total + clean[of], 0);
  return cleanText(sum('runs'), sum('false_alarms'));
}

/** Which defects have been seen to violate each invariant. */
function byInvariant(
  { planted, invariants }: CalibrationSources,
  measured: ReadonlyMap<string, NewestFigures>,
): string {
  const rows = invariants.map(({ name, claim }) => {
    const namedBy = catchable(planted).filter(({ caughtBy }) => caughtBy.includes(name));
    const seen = namedBy.map((defect) => {
      const one = measured.get(defect.name)?.figures;
      return one ? `\`${defect.name}\` ${one.caught_by_runs[name] ?? 0} of ${one.runs}` : `\`${defect.name}\``;
    });
    return [`\`${name}\``, plain(claim), seen.join(', ')];
  });
  return markdownTable(['invariant', 'claim', 'defects that violate it'], rows);
}

function catchable(planted: readonly Planted[]): readonly Planted[] {
  return planted.filter(({ caughtBy }) => caughtBy.length > 0);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = path.join(import.meta.dirname, '..');
  const file = path.join(root, 'docs', 'calibration.md');
  const kept = await readKept(path.join(root, 'records', 'calibration'));
  const sources = { planted: REFERENCE_DEFECTS, invariants: await listInvariants(), kept };
  writeFileSync(file, withFigures(readFileSync(file, 'utf8'), sources));
  console.log(`${path.relative('.', file)}: ${REFERENCE_DEFECTS.length} defects, ${kept.length} kept results`);
}
