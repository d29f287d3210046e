import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { TESTED_RELEASES } from '../../model/airflow/releases.ts';
import { StackError, UnavailableError, UsageError } from '../../model/errors.ts';
import { cacheFolder } from '../../system/installation.ts';
import { runTool, type ToolResult } from '../../system/run-tool.ts';
import { REACH_THE_INDEX, tail } from './python.ts';

/** 3.1.0 was not there before: the search for a release's day begins here. */
const FIRST_DAY = '2025-09-01';
const DAY_MS = 86_400_000;

/** The releases with a known day: those that windtunnel is run against regularly. */
export function knownReleases(): string[] {
  return Object.keys(TESTED_RELEASES);
}

export interface Resolver {
  readonly uv: string;
  readonly pythonVersion: string;
  log(line: string): void;
  readonly signal: AbortSignal;
}

/** UsageError for a release that is older than those that windtunnel can test. */
export function checkRelease(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < 3 || (major === 3 && minor < 1)) {
    throw new UsageError(
      `airflow@${version} is too old: windtunnel tests Airflow from 3.1.0 on, for example airflow@3.3.2.`,
    );
  }
}

/** The moment as of which `version` is installed, ISO 8601. */
export async function releaseDate(version: string, resolver: Resolver): Promise<string> {
  checkRelease(version);
  const known = TESTED_RELEASES[version] ?? (await remembered())[version];
  if (known !== undefined) return endOf(known);

  resolver.log(`looking for the release date of Airflow ${version}`);
  if (!(await has(version, undefined, resolver))) throw await noSuchVersion(version, resolver);
  const day = await firstDay(version, resolver);
  await remember(version, day);
  return endOf(day);
}

/**
 * The moment as of which the dependencies of sources or of a wheel are taken, ISO 8601: the day of the release, if they
 * are at one, because those of today may not fit it; else today, as a developer has them.
 */
export async function dependenciesDate(version: string | undefined, resolver: Resolver): Promise<string> {
  const today = endOf(new Date().toISOString().slice(0, 10));
  if (version === undefined || !/^3\.\d+\.\d+((a|b|rc)\d+)?$/.test(version)) return today;
  try {
    return await releaseDate(version, resolver);
  } catch (error) {
    // A version that is not released yet.
    if (error instanceof UsageError) return today;
    throw error;
  }
}

/** The first day on which the index has it, by bisection, and one more: a release's own parts appear minutes apart. */
async function firstDay(version: string, resolver: Resolver): Promise<string> {
  let before = Date.parse(FIRST_DAY) / DAY_MS;
  let there = Math.floor(Date.now() / DAY_MS) + 1;
  while (there - before > 1) {
    const middle = Math.floor((before + there) / 2);
    if (await has(version, endOf(dayOf(middle)), resolver)) there = middle;
    else before = middle;
  }
  return dayOf(there + 1);
}

async function has(version: string, asOf: string | undefined, resolver: Resolver): Promise<boolean> {
  const result = await compile(
    `apache-airflow==${version}`,
    asOf === undefined ? [] : ['--exclude-newer', asOf],
    resolver,
  );
  if (result.code === 0) return true;
  const hidden = NO_UPLOAD_TIME.test(result.stderr);
  if (!hidden && /there is no version of apache-airflow==/.test(oneLine(result.stderr))) return false;
  throw indexError(`uv could not look for Airflow ${version}`, result);
}

async function noSuchVersion(version: string, resolver: Resolver): Promise<UsageError> {
  const below = await resolved(`apache-airflow>=3.1,<${version}`, 'highest', resolver);
  const above = await resolved(`apache-airflow>${version}`, 'lowest', resolver);
  const near = [below, above].filter((found) => found !== undefined);
  const hint = near.length > 0 ? ` The nearest ${near.length === 1 ? 'is' : 'are'} ${near.join(' and ')}.` : '';
  return new UsageError(`The package index has no Airflow ${version}.${hint}`);
}

async function resolved(requirement: string, which: string, resolver: Resolver): Promise<string | undefined> {
  const { code, stdout } = await compile(requirement, ['--resolution', which], resolver);
  return code === 0 ? /^apache-airflow==(\S+)/m.exec(stdout)?.[1] : undefined;
}

function compile(requirement: string, options: readonly string[], resolver: Resolver): Promise<ToolResult> {
  const args = ['pip', 'compile', '--no-deps', '--no-header', '--no-annotate', ...options];
  return runTool(resolver.uv, [...args, '--python-version', resolver.pythonVersion, '-'], {
    timeoutMs: 120_000,
    signal: resolver.signal,
    cwd: cacheFolder(),
    stdin: requirement,
  });
}

/** A warning of uv: then the file is left out, whatever its date. */
const NO_UPLOAD_TIME = /is missing an upload date/;

/** The error for a failed resolution: the index or the network. A missing version was handled before. */
export function indexError(what: string, result: ToolResult): StackError {
  const said = oneLine(result.stderr);
  if (result.timedOut) return new UnavailableError(`${what}: no answer in time. ${REACH_THE_INDEX}`);
  if (/failed to fetch|error sending request|dns error|connect error|network was disabled|timed out/i.test(said)) {
    return new UnavailableError(`${what}: the package index cannot be reached. ${REACH_THE_INDEX}`);
  }
  if (NO_UPLOAD_TIME.test(said)) {
    return new UnavailableError(
      `${what}: the package index does not say when packages were uploaded, and those of the release's day are ` +
        'wanted. Use an index that says it (as https://pypi.org/simple does), or install from the lock of a run, ' +
        'which needs no dates: --build airflow@RUN/airflow.lock.txt.',
    );
  }
  const [, other] = /Hash mismatch for `([^`]+)`/.exec(said) ?? [];
  if (other) return new StackError(`${what}: what the package index has as ${other} is not what the lock says (hash).`);
  const [, source] = /Because (?:only )?(\S+) has no (?:usable )?wheels/.exec(said) ?? [];
  if (source) return new StackError(`${what}: ${source} has no wheel for this machine, and only wheels are installed.`);
  return new StackError(`${what}:\n${tail(result)}`);
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ');
}

function dayOf(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

/** A bare date would end in the reader's own time zone. */
function endOf(day: string): string {
  return new Date(Date.parse(day) + DAY_MS).toISOString();
}

function memory(): string {
  return path.join(cacheFolder(), 'airflow-releases.json');
}

async function remembered(): Promise<Readonly<Record<string, string>>> {
  try {
    return JSON.parse(await readFile(memory(), 'utf8'));
  } catch {
    // Not there yet, or torn: it is found again.
    return {};
  }
}

async function remember(version: string, day: string): Promise<void> {
  const all = { ...(await remembered()), [version]: day };
  await mkdir(cacheFolder(), { recursive: true, mode: 0o700 });
  await writeFile(`${memory()}.${process.pid}`, `${JSON.stringify(all, null, 2)}\n`);
  await rename(`${memory()}.${process.pid}`, memory());
}
