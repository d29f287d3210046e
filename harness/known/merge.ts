import { type HighestRate, KNOWN_FORMAT, type KnownEntry, type KnownFile, type KnownSource } from '../model/known.ts';
import { inRanges, testedBuild, withBuild } from './builds.ts';
import { bySource } from './file.ts';
import { entryOf, exercises, expiresAfter, isSameMark, type Observation, type ObservedFinding } from './observation.ts';

/** A run, or the windows of a soak. */
export interface KnownBatch {
  readonly id: string;
  readonly runs: readonly Observation[];
}

export interface Merged {
  readonly file: KnownFile;
  /** Entries that were left out, because they had not occurred for long enough. */
  readonly expired: readonly KnownEntry[];
  /** Batches that the file had already: they do not count again. */
  readonly repeated: readonly string[];
  /** Runs that are under way or were killed: what they seem to show is not taken in. */
  readonly unfinished: readonly string[];
}

/** What a new file begins with. */
export const NO_FINDINGS: KnownFile = { format: KNOWN_FORMAT, expires_after: 10, findings: [], sources: [] };

/**
 * A file with these runs taken in: what people wrote into it stays. Each run counts once, so that the same can be given
 * again with more.
 */
export function mergeKnown(file: KnownFile, batches: readonly KnownBatch[]): Merged {
  const had = new Set(file.sources.map(({ id }) => id));
  const given = [...new Map(batches.map((batch) => [batch.id, batch])).values()].filter(({ id }) => !had.has(id));
  const fresh = given
    .map(({ id, runs }) => ({ id, runs: runs.filter(({ whole, load_s }) => whole && load_s > 0) }))
    .filter((batch) => batch.runs.length > 0);
  const runs = fresh.flatMap((batch) => batch.runs).toSorted((a, b) => a.id.localeCompare(b.id));
  const sources = [...file.sources, ...fresh.map(sourceOf)].sort(bySource);
  const seen = runs.reduce<readonly KnownEntry[]>(withRun, file.findings);
  const counted = seen.map((entry) => withAbsence(entry, runs));
  const isGone = (entry: KnownEntry) => entry.absent.length >= expiresAfter(entry, file);
  const tested = sources.flatMap(({ build }) => testedBuild(build, {}).release ?? []);
  return {
    file: {
      ...file,
      findings: counted
        .filter((entry) => !isGone(entry))
        .map((entry) => ({ ...entry, builds: inRanges(entry.builds, tested) }))
        .sort(inOrder),
      sources,
    },
    expired: counted.filter(isGone),
    unfinished: given.flatMap((batch) => batch.runs.filter(({ whole }) => !whole).map(({ id }) => id)),
    repeated: batches.filter(({ id }) => had.has(id)).map(({ id }) => id),
  };
}

function sourceOf({ id, runs }: KnownBatch): KnownSource {
  const [first] = runs;
  if (first === undefined) throw new Error('a batch has a run');
  const { scenario, night } = first;
  const load_s = Math.round(runs.reduce((sum, run) => sum + run.load_s, 0));
  return { id, build: sourceBuild(first), scenario, night, runs: runs.length, load_s };
}

/** As a build of the file: a checkout or a target is the release that it reported. */
function sourceBuild({ build }: Observation): string {
  return withBuild([], build)[0] ?? build.name;
}

function withRun(entries: readonly KnownEntry[], run: Observation): KnownEntry[] {
  const once = new Map<KnownEntry, ObservedFinding>();
  const fresh: ObservedFinding[] = [];
  for (const finding of run.findings) {
    const entry = entryOf(finding, entries);
    if (entry === undefined) fresh.push(finding);
    else once.set(entry, joined(once.get(entry), finding));
  }
  return [
    ...entries.map((entry) => {
      const finding = once.get(entry);
      return finding === undefined ? entry : withFinding(entry, finding, run);
    }),
    ...fresh.map((finding) => newEntry(finding, run)),
  ];
}

/** Two findings of a run that one entry covers. */
function joined(one: ObservedFinding | undefined, other: ObservedFinding): ObservedFinding {
  if (one === undefined) return other;
  return { ...one, marks: [...one.marks, ...other.marks], occurrences: one.occurrences + other.occurrences };
}

function withFinding(entry: KnownEntry, { marks, occurrences }: ObservedFinding, run: Observation): KnownEntry {
  const last_seen = run.night > entry.last_seen ? run.night : entry.last_seen;
  const others = marks.filter((mark, place) => {
    const isFirst = marks.findIndex((one) => isSameMark(one, mark)) === place;
    return isFirst && !entry.marks.some((known) => isSameMark(known, mark));
  });
  return {
    ...entry,
    builds: [...withBuild(entry.builds, run.build)],
    since: run.night < entry.since ? run.night : entry.since,
    last_seen,
    runs: entry.runs + 1,
    // The first is the root, by which it is known whether a run exercised it.
    marks: [...entry.marks, ...others],
    highest: withRate(entry.highest, run, occurrences),
    absent: entry.absent.filter((night) => night > last_seen),
  };
}

/** Only a run that can be trusted has a rate. */
function withRate(rates: readonly HighestRate[], run: Observation, occurrences: number): HighestRate[] {
  const { scenario, valid } = run;
  const load_s = Math.round(run.load_s * 10) / 10;
  const before = rates.find((one) => one.scenario === scenario);
  const isHigher = before === undefined || occurrences * before.load_s > before.occurrences * load_s;
  if (!valid || load_s === 0 || !isHigher) return [...rates];
  return [...rates.filter((one) => one !== before), { scenario, occurrences, load_s }].sort((a, b) =>
    a.scenario.localeCompare(b.scenario),
  );
}

function newEntry(
  { fingerprint, title, known_race, marks, occurrences }: ObservedFinding,
  run: Observation,
): KnownEntry {
  const { night, build } = run;
  return {
    fingerprint,
    title,
    name: known_race,
    builds: [...withBuild([], build)],
    since: night,
    last_seen: night,
    runs: 1,
    marks,
    highest: withRate([], run, occurrences),
    absent: [],
  };
}

/** The nights of these runs that exercised it after it was last seen. */
function withAbsence(entry: KnownEntry, runs: readonly Observation[]): KnownEntry {
  const nights = runs.filter((run) => exercises(run, entry)).map(({ night }) => night);
  const after = nights.filter((night) => night > entry.last_seen);
  return { ...entry, absent: [...new Set([...entry.absent, ...after])].sort() };
}

function inOrder(a: KnownEntry, b: KnownEntry): number {
  const key = ({ marks: [root], fingerprint }: KnownEntry) => `${root?.invariant} ${root?.variant} ${fingerprint}`;
  return key(a).localeCompare(key(b));
}
