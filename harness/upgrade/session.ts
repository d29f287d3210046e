import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { upgradePhaseLine } from '../../reports/terminal/upgrade.ts';
import { say } from '../console/print.ts';
import { Progress } from '../console/progress.ts';
import { needWires } from '../faults/index.ts';
import type { InvariantFile } from '../judge/invariant-file.ts';
import type { Build } from '../model/build.ts';
import { PHASES, type UpgradePhase, type UpgradePhaseName } from '../model/upgrade.ts';
import { judgeRunFolder } from '../run/judge-folder.ts';
import { repeatCommand } from '../run/repeat.ts';
import { recordRun } from '../run/run.ts';
import type { CarriedWork } from '../run/run-spec.ts';
import { settleMs } from '../run/settle-time.ts';
import { processesOf } from '../run/subject.ts';
import { DagFolder } from '../stacks/dag-folder.ts';
import {
  type BuildRecipe,
  type ManagedOptions,
  type ManagedStack,
  openSite,
  processNames,
  type StackSite,
  startOn,
} from '../stacks/managed.ts';
import { recipeOf } from '../stacks/start-build.ts';
import { ProcessTable } from '../system/process-table.ts';
import type { UpgradeFolder } from './folder.ts';
import { checkMigrated, migrate } from './migrate.ts';
import { phasePlan } from './plan.ts';
import { endInOrder, makesWork } from './stop.ts';
import { judgedPhase } from './verdict.ts';
import { readRevision, readWorkLeft } from './work-left.ts';

const DAG_PROCESSOR = 'dag-processor';

export interface UpgradeTimes {
  /** Duration of the wave's load, seconds. */
  readonly waveS: number;
  /** From its beginning to the start of the dag-processor, seconds. */
  readonly parseAfterS: number;
}

export interface UpgradeBuilds {
  readonly from: Build;
  readonly to: Build;
}

interface SessionOptions {
  readonly builds: UpgradeBuilds;
  readonly times: UpgradeTimes;
  readonly own: readonly InvariantFile[];
  readonly signal: AbortSignal;
}

/** An upgrade from its first process to the last: load, migration, load. What was recorded is judged at the end. */
export class UpgradeSession {
  readonly #folder: UpgradeFolder;
  readonly #builds: UpgradeBuilds;
  readonly #times: UpgradeTimes;
  readonly #own: readonly InvariantFile[];
  readonly #signal: AbortSignal;
  /** Of PostgreSQL and the folder of the processes; those of each build have a table of their own. */
  readonly #table = new ProcessTable(randomBytes(3).toString('hex'));
  readonly #tables: ProcessTable[] = [];
  #progress: Progress | undefined;

  constructor(folder: UpgradeFolder, { builds, times, own, signal }: SessionOptions) {
    this.#folder = folder;
    this.#builds = builds;
    this.#times = times;
    this.#own = own;
    this.#signal = signal;
  }

  /** Rejects with a StackError if a build or the migration failed; what was recorded until then is judged. */
  async run(): Promise<void> {
    try {
      await this.#play();
    } finally {
      this.#progress?.phase('taking the stack down');
      for (const table of this.#tables.toReversed()) await table.close();
      await this.#table.close();
      this.#progress?.stop();
      await this.#judge();
    }
  }

  async #play(): Promise<void> {
    const { from, to } = this.#builds;
    this.#show(from, 'starting', 0);
    const [first, second] = [this.#options('before'), this.#options('after')];
    // Both, so that a release which cannot be installed is known before the load.
    const [old, next] = [await recipeOf(from, first), await recipeOf(to, second)];
    const site = await openSite({ ...first, table: this.#table, logOf: (name) => this.#folder.log(name) }, old);
    const dags = new DagFolder(site.layout.dagsFolder, this.#folder.upgrade.plan.scenario.dags);
    const stack = await startOn(site, first, old);
    await this.#phase('before', from, stack, {
      dags,
      continues: false,
      isPaused: false,
      stopWork: async (hold) => {
        const makers = stack.processes.filter(makesWork);
        for (const { name } of makers) hold(name);
        await endInOrder(makers);
      },
    });
    const upgraded = await this.#migrate(site, { stack, table: first.table }, next, second);
    await this.#phase('wave', to, upgraded, {
      dags,
      continues: true,
      isPaused: false,
      onRecording: () => {
        void this.#noteRecording();
        // Not before: what a scheduler does first must be in the record.
        for (const name of this.#makers.filter((maker) => maker !== DAG_PROCESSOR)) upgraded.restart?.(name);
      },
      duringLoad: async (signal) => {
        const { parseAfterS } = this.#times;
        await sleep(parseAfterS * 1000, undefined, { signal }).catch(() => undefined);
        if (!signal.aborted) upgraded.restart?.(DAG_PROCESSOR);
      },
    });
    await this.#phase('ordinary', to, upgraded, { dags, continues: true, isPaused: true });
  }

  /** Ends the processes of the old build, migrates the database, and starts those of the new one. */
  async #migrate(
    site: StackSite,
    old: { readonly stack: ManagedStack; readonly table: ProcessTable },
    next: BuildRecipe,
    options: ManagedOptions,
  ): Promise<ManagedStack> {
    const { dsn } = site.layout;
    const folder = this.#folder;
    const from = new Date().toISOString();
    this.#show(this.#builds.from, 'stopping', 0);
    const began = performance.now();
    await endInOrder(old.stack.processes.filter(({ name }) => name !== 'postgres'));
    await old.stack.close();
    const stop_s = (performance.now() - began) / 1000;
    const revision = { from: await readRevision(dsn), to: null as string | null };
    this.#show(this.#builds.to, 'migrating', 0);
    const log = folder.log('migration');
    const migrated = await migrate(site, next, { table: options.table, log, signal: this.#signal });
    revision.to = await readRevision(dsn);
    await folder.update({
      migration: {
        gap: { from, to: null },
        stop_s,
        migrate_s: migrated?.seconds ?? null,
        how: migrated?.how ?? null,
        said: migrated?.said ?? [],
        log: migrated ? path.relative(folder.path, log) : null,
        revision,
        start_s: null,
      },
    });
    this.#signal.throwIfAborted();
    if (migrated) checkMigrated(migrated, next, log);
    const starting = performance.now();
    const stack = await startOn(site, options, next);
    void stack.ready.then(
      () => folder.updateMigration({ start_s: (performance.now() - starting) / 1000 }),
      () => undefined,
    );
    return stack;
  }

  async #noteRecording(): Promise<void> {
    const { migration } = this.#folder.upgrade;
    if (migration) await this.#folder.updateMigration({ gap: { ...migration.gap, to: new Date().toISOString() } });
  }

  /** Load on a stack that stays up, recorded in a run folder. Rejects if it did not last as long as planned. */
  async #phase(name: UpgradePhaseName, build: Build, stack: ManagedStack, carried: CarriedWork): Promise<void> {
    const folder = this.#folder;
    const subject = { build };
    const plan = phasePlan(folder.upgrade.plan, name, this.#times.waveS, subject);
    const number = PHASES.indexOf(name) + 1;
    const phase: UpgradePhase = {
      name,
      build: build.name,
      folder: `${number}-${name}`,
      started_at: new Date().toISOString(),
      ended: null,
      left: null,
      judged: null,
    };
    await folder.update({ phases: [...folder.upgrade.phases, phase] });
    const out = folder.runFolder(phase);
    const progress = this.#show(build, name, plan.scenario.duration_s);
    let failure: unknown;
    try {
      const performed = await recordRun({
        subject,
        plan,
        out,
        repeat: repeatCommand({ scenario: out, subject }),
        progress,
        own: this.#own,
        signal: this.#signal,
        shared: { stack, settleMs: settleMs(plan.scenario), carried },
      });
      failure = performed.failure;
    } catch (error) {
      failure = error;
    }
    const stopped = this.#signal.aborted;
    const ended = stopped ? 'interrupted' : failure === undefined ? 'completed' : 'stack-failed';
    const left = await readWorkLeft(stack.dsn).catch(() => null);
    await folder.updatePhase(name, { ended, left });
    this.#signal.throwIfAborted();
    if (failure !== undefined) throw failure;
  }

  /** Of each phase what was recorded, when nothing runs any more. */
  async #judge(): Promise<void> {
    for (const phase of this.#folder.upgrade.phases) {
      const run = this.#folder.runFolder(phase);
      if (!existsSync(run)) continue;
      const judged = judgedPhase(await judgeRunFolder(run, this.#own));
      await this.#folder.updatePhase(phase.name, { judged });
      say(upgradePhaseLine({ ...phase, judged }));
    }
  }

  #options(side: 'before' | 'after'): ManagedOptions {
    const { from, to } = this.#builds;
    const { plan } = this.#folder.upgrade;
    const build = side === 'before' ? from : to;
    const names = side === 'before' ? (['before'] as const) : (['wave', 'ordinary'] as const);
    const table = new ProcessTable(randomBytes(3).toString('hex'));
    this.#tables.push(table);
    return {
      ...processesOf(plan.scenario),
      wire: names.some((name) => needWires(phasePlan(plan, name, this.#times.waveS, { build }).faults ?? [])),
      ...(side === 'before' ? {} : { later: this.#makers }),
      table,
      logOf: (name) => this.#folder.log(name, side),
      progress: (text) => this.#progress?.phase('starting', text),
      signal: this.#signal,
    };
  }

  /** The processes of a build that wait for the recorder. */
  get #makers(): string[] {
    const { scenario } = this.#folder.upgrade.plan;
    return processNames(processesOf(scenario)).filter((name) => makesWork({ name }));
  }

  #show(build: Build, what: string, seconds: number): Progress {
    this.#progress?.stop();
    this.#progress = new Progress(`${build.name} ${what}`, seconds);
    return this.#progress;
  }
}
