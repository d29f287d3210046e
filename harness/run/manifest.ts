import os from 'node:os';

import { buildLabel } from '../model/build.ts';
import type { Manifest } from '../model/manifest.ts';
import type { Stack } from '../model/stack.ts';
import { RUN_FORMAT } from '../model/tables.ts';
import type { RunClock } from '../run-folder/clock.ts';
import { windtunnelVersion } from '../system/installation.ts';
import { engineName } from './engine.ts';
import type { RunSpec } from './run-spec.ts';

/** The manifest before the load: what is known of a run before anything has happened. */
export function manifestOf(
  { subject, plan, repeat, engine, shared, own = [] }: RunSpec,
  { build, identity, patches = [] }: Stack,
  { id, clock }: { readonly id: string; readonly clock: RunClock },
): Manifest {
  return {
    format: RUN_FORMAT,
    id,
    build,
    identity,
    ...(patches.length > 0
      ? { patches: patches.map(({ name, sha256 }, i) => ({ name, sha256, file: patchFile(name, i) })) }
      : {}),
    plan,
    windtunnel: windtunnelVersion(),
    node: process.version,
    machine: { platform: os.platform(), arch: os.arch(), cpus: os.cpus().length, memory_bytes: os.totalmem() },
    started_at: clock.startedAt.toISOString(),
    repeat,
    engine: engineName(engine),
    ...(own.length > 0 ? { own_invariants: own.map(({ name }) => name) } : {}),
    ...('target' in subject ? { used_by_others: true } : {}),
    ...(shared?.carried?.continues ? { continues: true } : {}),
    writers: 'triggers',
    load_started_ms: null,
    load_ended_ms: null,
    ended_ms: null,
    ended: null,
  };
}

/** Where the run folder keeps a patch of the build; `index` is its place in their order. */
export function patchFile(name: string, index: number): string {
  return `patches/${index + 1}-${name}.patch`;
}

/** Sorts by time, and names what ran: `20261121-104500-seeds-airflow-3.2.1-a1b2c3`. */
export function runFolderName({ subject, plan }: Pick<RunSpec, 'subject' | 'plan'>, id: string): string {
  return datedFolderName(plan.scenario.name, subject, id);
}

/** `20261121-104500-replay-airflow-3.2.1-4f2a91`. */
export function datedFolderName(what: string, subject: RunSpec['subject'], id: string): string {
  const build = 'target' in subject ? 'target' : buildLabel(subject.build).replace(/[^A-Za-z0-9.]+/g, '-');
  return [timeStamp(), what, build, id].join('-');
}

/** Now, as the names of folders begin: `20261121-104500`, UTC. */
export function timeStamp(): string {
  return new Date().toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
}
