import { sightingText, takenBackText } from '../../reports/terminal/sightings.ts';
import type { Sighting, SightingKind } from '../model/sighting.ts';
import type { Judgement } from '../model/verdict.ts';

/** What was said of a run while it lasted. */
export class Said {
  readonly #label: string;
  readonly #before: Set<SightingKind>;
  readonly #clock: () => number;
  /** When, in milliseconds since the program began. */
  readonly #at = new Map<string, number>();

  /** `before`: what was said of earlier runs of the same build. Each kind is said once. */
  constructor(label: string, before = new Set<SightingKind>(), clock = () => performance.now()) {
    this.#label = label;
    this.#before = before;
    this.#clock = clock;
  }

  /** What to say of it; undefined: its kind was said before. */
  sighting(seen: Sighting, intoLoadS: number | null): string | undefined {
    if (this.#before.has(seen.kind)) return undefined;
    this.#before.add(seen.kind);
    const afterMs = this.#clock();
    this.#at.set(seen.kind, afterMs);
    return sightingText(this.#label, seen, { afterMs, intoLoadS });
  }

  /** A sentence for each that the verdict does not confirm. The next one of its kind is the first again. */
  takenBack({ sightings = [] }: Judgement): string[] {
    return sightings.flatMap(({ kind, name, taken_back: because }) => {
      const afterMs = this.#at.get(kind);
      if (because === null || afterMs === undefined) return [];
      this.#before.delete(kind as SightingKind);
      return [takenBackText(this.#label, { name, because, afterMs })];
    });
  }
}
