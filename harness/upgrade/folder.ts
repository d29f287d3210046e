import { mkdirSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { upgradeMarkdown } from '../../reports/markdown/upgrade.ts';
import { reasonOf, UsageError } from '../model/errors.ts';
import type { Migration, Upgrade, UpgradePhase, UpgradePhaseName } from '../model/upgrade.ts';
import { checkNewFolder } from '../run-folder/out.ts';
import { upgradeVerdict } from './verdict.ts';

/** UsageError: a new upgrade cannot have this folder. */
export function checkUpgradeFolder(folder: string): void {
  checkNewFolder(folder, 'upgrade folder');
}

/** The folder of an upgrade: a run folder for each phase, logs, and the index, complete on disk at every moment. */
export class UpgradeFolder {
  readonly path: string;
  #upgrade: Upgrade;
  #saving: Promise<void> = Promise.resolve();

  private constructor(folder: string, upgrade: Upgrade) {
    this.path = folder;
    this.#upgrade = upgrade;
  }

  static async create(folder: string, upgrade: Upgrade): Promise<UpgradeFolder> {
    checkUpgradeFolder(folder);
    try {
      mkdirSync(path.join(folder, 'logs'), { recursive: true });
    } catch (error) {
      throw new UsageError(`The upgrade folder ${folder} cannot be made: ${reasonOf(error)}.`, { cause: error });
    }
    const made = new UpgradeFolder(folder, upgrade);
    await made.update({});
    return made;
  }

  get upgrade(): Upgrade {
    return this.#upgrade;
  }

  /** `logs/before/scheduler-1.log` is of the first build, `logs/after/` of the second. */
  log(name: string, part = ''): string {
    const folder = path.join(this.path, 'logs', part);
    mkdirSync(folder, { recursive: true });
    return path.join(folder, `${name}.log`);
  }

  runFolder({ folder }: Pick<UpgradePhase, 'folder'>): string {
    return path.join(this.path, folder);
  }

  /** One at a time, each in one step: a reader sees the state before or after. */
  update(change: Partial<Upgrade>): Promise<void> {
    const upgrade = { ...this.#upgrade, ...change };
    this.#upgrade = { ...upgrade, verdict: upgradeVerdict(upgrade) };
    const before = this.#saving.catch(() => undefined);
    this.#saving = before.then(async () => {
      await replace(path.join(this.path, 'upgrade.json'), `${JSON.stringify(this.#upgrade, null, 2)}\n`);
      await replace(path.join(this.path, 'upgrade.md'), upgradeMarkdown(this.#upgrade));
    });
    return this.#saving;
  }

  updateMigration(change: Partial<Migration>): Promise<void> {
    const { migration } = this.#upgrade;
    return this.update({ migration: migration && { ...migration, ...change } });
  }

  updatePhase(name: UpgradePhaseName, change: Partial<UpgradePhase>): Promise<void> {
    const phases = this.#upgrade.phases.map((phase) => (phase.name === name ? { ...phase, ...change } : phase));
    return this.update({ phases });
  }
}

async function replace(file: string, text: string): Promise<void> {
  await writeFile(`${file}.next`, text);
  await rename(`${file}.next`, file);
}
