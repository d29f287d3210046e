import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Manifest } from '../harness/model/manifest.ts';
import type { Judgement } from '../harness/model/verdict.ts';
import { windtunnel } from './program.ts';

/** Far beyond what a run of a minute takes, with its stack's start and end. */
const DEADLINE_MS = 15 * 60_000;

/** What is played; the folder of a plan names its build and its seed itself. */
interface Played {
  readonly scenario: string;
  readonly build?: string;
  readonly seed?: number;
}

/** Whether the folder has a run that was played to its end and judged: an interrupted one is played again. */
export function isStored(folder: string): boolean {
  return existsSync(path.join(folder, 'verdict.json')) && readManifest(folder).ended === 'completed';
}

/** The judgement of a run: of the stored one in this folder, judged again, or of one made now. */
export async function judgedRun(folder: string, { scenario, build, seed }: Played): Promise<Judgement> {
  const stored = isStored(folder);
  if (!stored) rmSync(folder, { recursive: true, force: true });
  const args = stored
    ? ['check', folder, '--json']
    : [
        'run',
        scenario,
        ...(build === undefined ? [] : ['--build', build]),
        ...(seed === undefined ? [] : ['--seed', String(seed)]),
        ...['--out', folder, '--json'],
      ];
  return JSON.parse(await windtunnel(args, DEADLINE_MS)) as Judgement;
}

export interface RunOrigin {
  /** The command that repeats it. */
  readonly repeat: string;
  /** The commit of windtunnel that was the newest then, and when that was (ISO 8601). */
  readonly commit: string;
  readonly at: string;
}

/** When a run was made, and the newest commit of that time: a stored run may be older than the present commit. */
export function originOf(folder: string): RunOrigin {
  const manifest = readManifest(folder);
  return { repeat: manifest.repeat, commit: newestCommit(manifest.started_at), at: manifest.started_at };
}

/** The newest commit of windtunnel at that time (ISO 8601). */
export function newestCommit(at: string): string {
  const newest = ['rev-list', '-1', '--abbrev-commit', `--before=${at}`, 'HEAD'];
  return execFileSync('git', newest, { cwd: import.meta.dirname, encoding: 'utf8' }).trim();
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(path.join(folder, 'manifest.json'), 'utf8')) as Manifest;
}
