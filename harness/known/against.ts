import { changeWords, counted, pValue, seconds } from '../../reports/words.ts';
import { groupBy } from '../model/group-by.ts';
import type { FindingAgainstKnown, KnownEntry, KnownFile, KnownStatus } from '../model/known.ts';
import { BETWEEN_RUNS, type BetweenRuns } from '../statistics/between-runs.ts';
import { pValueOf, weightsAfter } from '../statistics/count-test.ts';
import { type Counted, holm, pooled } from '../statistics/statistics.ts';
import { coversBuild } from './builds.ts';
import { entryOf, exercises, expiresAfter, type Observation, type ObservedFinding } from './observation.ts';

/** A file of known findings that was read. */
export interface KnownBaseline {
  /** As the user named it. */
  readonly path: string;
  readonly text: string;
  readonly file: KnownFile;
}

/** Below this, after Holm's correction over the findings that were tested, a rate is higher than it ever was. */
const LEVEL = 0.05;

interface Shown {
  readonly run: Observation;
  readonly finding: ObservedFinding;
}

interface RateTest {
  readonly known: Counted;
  readonly now: Counted;
  readonly p: number;
}

/**
 * What these runs, all of one build, show of the known findings and beside them. Several runs (the windows of a soak,
 * a side of a comparison) are tested as one: in one window of many a rate is high at random.
 */
export function findingsAgainst(
  { file }: KnownBaseline,
  runs: readonly Observation[],
  between: BetweenRuns = BETWEEN_RUNS,
): FindingAgainstKnown[] {
  const [here, elsewhere] = split(file.findings, ({ builds }) => runs.some(({ build }) => coversBuild(builds, build)));
  const [gone, live] = split(here, (entry) => entry.absent.length >= expiresAfter(entry, file));
  const shown = runs.flatMap((run) => run.findings.map((finding) => ({ run, finding })));
  const entryFor = ({ finding }: Shown) => entryOf(finding, live);
  const tests = live.map((entry) => {
    return rateTest(
      entry,
      runs,
      shown.filter((one) => entryFor(one) === entry),
      between,
    );
  });
  const tested = tests.filter((test) => test !== undefined);
  const adjusted = holm(tested.map(({ p }) => p));
  const known = live.map((entry, index) => {
    const test = tests[index];
    const p_adjusted = test && (adjusted[tested.indexOf(test)] ?? null);
    const its = shown.filter((one) => entryFor(one) === entry);
    return its.length > 0 ? seenAgain(entry, its, runs, test && { ...test, p_adjusted }) : unseen(entry, runs, file);
  });
  const unknown = shown.filter((one) => entryFor(one) === undefined);
  const fresh = [...groupBy(unknown, ({ finding }) => finding.fingerprint).values()].map((its) =>
    firstSeen(its, runs, { gone, elsewhere }),
  );
  const expired = gone
    .filter((entry) => !shown.some(({ finding }) => entryOf(finding, [entry])))
    .map((entry) => unseen(entry, runs, file));
  return [...fresh, ...known, ...expired].sort(
    (a, b) =>
      ORDER.indexOf(a.status) - ORDER.indexOf(b.status) ||
      b.seen.occurrences - a.seen.occurrences ||
      a.fingerprint.localeCompare(b.fingerprint),
  );
}

const ORDER: readonly KnownStatus[] = ['new', 'worse', 'still there', 'gone', 'not seen', 'not exercised'];

function split<T>(all: readonly T[], wanted: (one: T) => boolean): readonly [T[], T[]] {
  return [all.filter(wanted), all.filter((one) => !wanted(one))];
}

/**
 * Against the run with the highest rate so far, of the same scenario: another one has another rate. Undefined: the file
 * has no rate of it, or no run that can be trusted shows it.
 */
function rateTest(
  { highest }: KnownEntry,
  runs: readonly Observation[],
  its: readonly Shown[],
  between: BetweenRuns,
): RateTest | undefined {
  const prior = between.counts.wrongs;
  return highest
    .flatMap(({ scenario, occurrences, load_s }): RateTest[] => {
      const valid = runs.filter((run) => run.valid && run.scenario === scenario);
      const now = valid.map((run) => ({ count: occurrencesIn(its, run), exposure: run.load_s }));
      if (pooled(now).count === 0) return [];
      const known = [{ count: occurrences, exposure: load_s }];
      return [{ known: pooled(known), now: pooled(now), p: pValueOf(known, now, weightsAfter(prior, [known, now])) }];
    })
    .toSorted((a, b) => a.p - b.p)[0];
}

function occurrencesIn(its: readonly Shown[], run: Observation): number {
  return its.filter((one) => one.run === run).reduce((sum, { finding }) => sum + finding.occurrences, 0);
}

function isHigher({ known, now }: RateTest): boolean {
  return now.count * known.exposure > known.count * now.exposure;
}

function seenAgain(
  entry: KnownEntry,
  its: readonly Shown[],
  runs: readonly Observation[],
  test: (RateTest & { readonly p_adjusted: number | null | undefined }) | undefined,
): FindingAgainstKnown {
  const p_adjusted = test?.p_adjusted ?? null;
  const isWorse = test !== undefined && p_adjusted !== null && isHigher(test) && p_adjusted < LEVEL;
  const change = test === undefined ? '' : changeWords('s', test.known, test.now);
  const sentence = isWorse
    ? `more often than in any run of the file: ${change}, ${pValue(p_adjusted)}`
    : test === undefined
      ? `${howOften(its, runs)}; the file has no rate that it could be compared with`
      : `${howOften(its, runs)}; not more often than the file allows for (${change})`;
  return {
    ...whatIsKnown(entry),
    ...whatWasSeen(its, runs),
    status: isWorse ? 'worse' : 'still there',
    highest: test === undefined ? null : { occurrences: test.known.count, load_s: test.known.exposure },
    p_adjusted,
    absent: null,
    sentence,
  };
}

function unseen(entry: KnownEntry, runs: readonly Observation[], file: KnownFile): FindingAgainstKnown {
  const nights = runs.filter((run) => exercises(run, entry)).map(({ night }) => night);
  const after = expiresAfter(entry, file);
  const absent = new Set([...entry.absent, ...nights.filter((night) => night > entry.last_seen)]).size;
  const status = absent >= after ? 'gone' : nights.length > 0 ? 'not seen' : 'not exercised';
  const last = `last seen on ${entry.last_seen}`;
  const sentence = {
    gone: `not in any of ${counted(absent, 'night')} that exercised it, ${last}: it expires`,
    'not seen': `not in this night; gone after ${after} that exercise it, this is the ${absent}. (${last})`,
    'not exercised': `nothing here could have shown it (${last})`,
  }[status];
  return {
    ...whatIsKnown(entry),
    ...whatWasSeen([], runs),
    status,
    highest: null,
    p_adjusted: null,
    absent,
    sentence,
  };
}

/** Without an entry for this build, or with one that had expired. */
function firstSeen(
  its: readonly Shown[],
  runs: readonly Observation[],
  { gone, elsewhere }: { readonly gone: readonly KnownEntry[]; readonly elsewhere: readonly KnownEntry[] },
): FindingAgainstKnown {
  const [{ finding } = { finding: undefined }] = its;
  if (finding === undefined) throw new Error('a finding that was seen was seen somewhere');
  const [back, other] = [entryOf(finding, gone), entryOf(finding, elsewhere)];
  const why = back
    ? `it was gone (last seen on ${back.last_seen}) and came back`
    : other
      ? `known of ${other.builds.join(', ')} only`
      : 'the file does not have it';
  return {
    ...whatWasSeen(its, runs),
    status: 'new',
    fingerprint: finding.fingerprint,
    title: finding.title,
    name: finding.known_race,
    highest: null,
    since: null,
    p_adjusted: null,
    absent: null,
    sentence: `${howOften(its, runs)}; ${why}`,
  };
}

function whatIsKnown({ fingerprint, title, name, since }: KnownEntry) {
  return { fingerprint, title, name, since };
}

function whatWasSeen(its: readonly Shown[], runs: readonly Observation[]) {
  return {
    in_run: runs.length === 1 ? its.map(({ finding }) => finding.id) : [],
    seen: { occurrences: its.reduce((sum, { finding }) => sum + finding.occurrences, 0), load_s: loadOf(runs) },
    runs: new Set(its.map(({ run }) => run)).size,
  };
}

function howOften(its: readonly Shown[], runs: readonly Observation[]): string {
  const { seen, runs: showing } = whatWasSeen(its, runs);
  const times = seen.occurrences === 1 ? 'once' : `${counted(seen.occurrences, 'time')}`;
  const where = runs.length === 1 ? '' : `, in ${showing} of ${counted(runs.length, 'run')}`;
  return `${times} in ${seconds(seen.load_s)}${where}`;
}

function loadOf(runs: readonly Observation[]): number {
  return runs.reduce((sum, { load_s }) => sum + load_s, 0);
}
