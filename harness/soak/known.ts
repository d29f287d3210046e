import { existsSync } from 'node:fs';
import path from 'node:path';

import type { KnownBaseline } from '../known/against.ts';
import { readKnown } from '../known/file.ts';
import type { Observation } from '../known/observation.ts';
import { resultOf } from '../known/result.ts';
import { observeRun } from '../known/sources.ts';
import type { KnownResult } from '../model/known.ts';
import type { Soak } from '../model/soak.ts';
import { verdictWithoutViolations } from './verdict.ts';

/** The copy of the user's file: each session of the soak, however late, is compared with the same. */
export function knownFile(folder: string): string {
  return path.join(folder, 'known.yaml');
}

/** The known findings of a soak, under the name that the user gave. UsageError: the copy was damaged or removed. */
export function knownOfSoak(folder: string, { known_file }: Soak): KnownBaseline | undefined {
  return known_file === undefined ? undefined : { ...readKnown(knownFile(folder)), path: known_file };
}

/** All windows of a soak as one, compared with its known findings. */
export class SoakKnown {
  readonly #folder: string;
  readonly #baseline: KnownBaseline;
  readonly #night: string;
  readonly #observed = new Map<string, Observation>();

  private constructor(folder: string, baseline: KnownBaseline, night: string) {
    this.#folder = folder;
    this.#baseline = baseline;
    this.#night = night;
  }

  /** With what the windows of earlier sessions have shown. Undefined: the soak has no known findings. */
  static async open(folder: string, soak: Soak): Promise<SoakKnown | undefined> {
    const baseline = knownOfSoak(folder, soak);
    if (baseline === undefined) return undefined;
    const known = new SoakKnown(folder, baseline, soak.started_at.slice(0, 10));
    for (const window of soak.windows) if (window.judged !== null) await known.observed(window.folder);
    return known;
  }

  /** Reads the verdict of a window. Without one, because judging failed, it shows nothing. */
  async observed(window: string): Promise<void> {
    const run = path.join(this.#folder, window);
    if (!existsSync(path.join(run, 'verdict.json'))) return;
    this.#observed.set(window, { ...(await observeRun(run)), night: this.#night });
  }

  resultOf(soak: Pick<Soak, 'windows' | 'windows_planned' | 'state'>): KnownResult {
    const exceeded = soak.windows.flatMap(({ judged }) => judged?.thresholds_broken ?? []);
    return resultOf(this.#baseline, [...this.#observed.values()], {
      exceeded: [...new Set(exceeded)],
      otherwise: verdictWithoutViolations(soak),
    });
  }
}
