/** Builds as a file of known findings names them, and which build a run was of. */

const VERSION = String.raw`\d+\.\d+\.\d+(?:\.?(?:dev|a|b|rc)\d+)?`;
const RELEASE = new RegExp(`^airflow@(${VERSION})(\\+.*)?$`);
const RANGE = new RegExp(`^airflow@(${VERSION})?\\.\\.(${VERSION})?$`);

/** What a run was of. */
export interface TestedBuild {
  readonly name: string;
  /** Of Airflow: also of a patched one, a checkout and a target, as they report it; null where it is not known. */
  readonly release: string | null;
}

export function testedBuild(name: string, identity: Readonly<Record<string, string>>): TestedBuild {
  const reported = RELEASE.exec(`airflow@${identity.airflow}`)?.[1];
  return { name, release: RELEASE.exec(name)?.[1] ?? reported ?? null };
}

/** What is wrong with a word for builds, or undefined. */
export function problemOfBuilds(word: string): string | undefined {
  if (!word.includes('..')) return undefined;
  const [isRange, from, to] = RANGE.exec(word) ?? [];
  if (isRange === undefined || (from === undefined && to === undefined))
    return `"${word}" is no range of releases: write airflow@3.1.8..3.2.1, or airflow@3.2.0.. for all from there on`;
  const isBackward = from !== undefined && to !== undefined && compareReleases(from, to) > 0;
  return isBackward ? `"${word}" ends before it begins` : undefined;
}

/** Whether one of these names, releases and ranges is of this build. What a release does, it does with a patch, too. */
export function coversBuild(words: readonly string[], { name, release }: TestedBuild): boolean {
  return words.some((word) => {
    if (word === name || (release !== null && word === `airflow@${release}`)) return true;
    const [isRange, from, to] = RANGE.exec(word) ?? [];
    if (isRange === undefined || release === null) return false;
    const isAfter = from === undefined || compareReleases(from, release) <= 0;
    return isAfter && (to === undefined || compareReleases(release, to) <= 0);
  });
}

/** The words with this build among them. What a patched release does, the release itself may not do. */
export function withBuild(words: readonly string[], { name, release }: TestedBuild): readonly string[] {
  const own = release === null || RELEASE.exec(name)?.[2] ? { name, release: null } : { name, release };
  if (coversBuild(words, own)) return words;
  return [...words, own.release === null ? name : `airflow@${own.release}`];
}

/**
 * Releases that follow each other among those that were tested, as one range: `airflow@3.1.8..3.2.1`. Anything else as
 * it is; sorted.
 */
export function inRanges(words: readonly string[], tested: readonly string[]): string[] {
  const releases = [...new Set(tested)].sort(compareReleases);
  const single = (word: string) => releases.find((release) => word === `airflow@${release}`);
  const runs: string[][] = [[]];
  for (const release of releases) {
    if (words.includes(`airflow@${release}`)) runs.at(-1)?.push(release);
    else runs.push([]);
  }
  const ranges = runs.flatMap((run) => {
    const [first, last] = [run[0], run.at(-1)];
    return first === undefined ? [] : [first === last ? `airflow@${first}` : `airflow@${first}..${last}`];
  });
  return [...ranges, ...words.filter((word) => single(word) === undefined)].sort();
}

const STAGES = ['dev', 'a', 'b', 'rc', ''];

/** In the order in which they come out: `3.2.0.dev1`, `3.2.0b2`, `3.2.0rc1`, `3.2.0`, `3.2.1`. */
export function compareReleases(a: string, b: string): number {
  const [one, other] = [a, b].map((release) => {
    const [, major, minor, patch, stage = '', number] = /^(\d+)\.(\d+)\.(\d+)(?:\.?([a-z]+)(\d+))?/.exec(release) ?? [];
    return [major, minor, patch, STAGES.indexOf(stage), number].map((part) => Number(part ?? 0));
  });
  const place = (one ?? []).findIndex((part, index) => part !== other?.[index]);
  return place < 0 ? 0 : (one?.[place] ?? 0) - (other?.[place] ?? 0);
}
