import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** records/nightly/NAME.json: the latest result of an evidence, and when it last passed. */
export interface EvidenceRecord {
  readonly name: string;
  readonly command: string;
  readonly result: 'pass' | 'fail';
  /** ISO 8601. The first step may lie nights before the last. */
  readonly started_at: string;
  readonly ended_at: string;
  /** Of the round: `3e074a0`, or `3e074a0-dirty` with uncommitted changes. */
  readonly commit: string;
  readonly machine: Machine;
  readonly steps: readonly StepResult[];
  readonly last_passed: Passed | null;
}

export interface Machine {
  readonly platform: string;
  readonly arch: string;
  readonly cpus: number;
  readonly node: string;
}

export interface StepResult {
  readonly name: string;
  readonly result: 'pass' | 'fail';
  readonly exit_code: number | null;
  readonly started_at: string;
  readonly seconds: number;
}

export type Passed = Pick<EvidenceRecord, 'commit' | 'machine' | 'command'> & {
  readonly at: string;
  readonly seconds: number;
};

/**
 * runs/nightly/round.json: what was done since all evidence was last complete. Replaced in one step after every step.
 */
export interface Round {
  readonly commit: string;
  readonly seed: number;
  readonly started_at: string;
  readonly completed: readonly string[];
  readonly steps: Readonly<Record<string, readonly StepResult[]>>;
  /** The process of the step under way: a killed nightly leaves it running. */
  readonly running: { readonly pid: number; readonly born: string } | null;
}

export function readRecords(folder: string): EvidenceRecord[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as EvidenceRecord);
}

/** `test:all` is kept in `test-all.json`. */
export function recordFile(folder: string, name: string): string {
  return path.join(folder, `${name.replaceAll(/[^a-z0-9-]/g, '-')}.json`);
}

export function recordOf(
  { name, command }: { readonly name: string; readonly command: string },
  round: Pick<Round, 'commit'>,
  machine: Machine,
  steps: readonly StepResult[],
  before: EvidenceRecord | undefined,
): EvidenceRecord {
  const result = steps.every((step) => step.result === 'pass') ? 'pass' : 'fail';
  const last = steps.at(-1);
  const ended_at = last === undefined ? '' : new Date(Date.parse(last.started_at) + last.seconds * 1000).toISOString();
  const seconds = steps.reduce((sum, step) => sum + step.seconds, 0);
  const passed = { at: ended_at, seconds, commit: round.commit, machine, command };
  return {
    name,
    command,
    result,
    started_at: steps[0]?.started_at ?? ended_at,
    ended_at,
    commit: round.commit,
    machine,
    steps,
    last_passed: result === 'pass' ? passed : (before?.last_passed ?? null),
  };
}

export function readRound(file: string): Round | undefined {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Round) : undefined;
}

/** In one step: after a kill, a reader finds the old file or the new one. */
export function writeJson(file: string, value: unknown): void {
  replaceFile(file, `${JSON.stringify(value, null, 2)}\n`);
}

export function replaceFile(file: string, text: string): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(`${file}.next`, text);
  renameSync(`${file}.next`, file);
}

/** What a nightly itself writes: it does not make the code another one. */
const NOT_CODE = ['.', ':!records', ':!runs'];

/** The commit of the code: `3e074a0`, or `3e074a0-dirty` if files outside of records/ have uncommitted changes. */
export function commitOf(root: string): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
  const changed = git('status', '--porcelain', '--', ...NOT_CODE);
  return `${git('rev-parse', '--short', 'HEAD')}${changed === '' ? '' : '-dirty'}`;
}

/** Whether two commits differ in nothing but records. Uncommitted changes are never the same. */
export function hasSameCode(root: string, one: string, other: string): boolean {
  if (one.endsWith('-dirty') || other.endsWith('-dirty')) return false;
  if (one === other) return true;
  return spawnSync('git', ['diff', '--quiet', one, other, '--', ...NOT_CODE], { cwd: root }).status === 0;
}
