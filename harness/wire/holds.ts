import type { Held } from '../model/seen.ts';
import type { ActiveRule } from './rules.ts';
import type { HeldBy } from './treatment.ts';

/** The scheduler's and the workers' own time-outs are longer. */
const DEADLINE_MS = 4_000;

type HeldEnd = Awaited<Held['ended']>;

/** What is held on one connection: nothing outlives the one that was to let it go. */
export class Holds {
  readonly #open = new Map<(why: HeldEnd) => void, ActiveRule>();

  /** `open` lets it go; it is called once, and before `ended` resolves. */
  hold({ active, rule, seen }: HeldBy, open: () => void): void {
    let resolve: (why: HeldEnd) => void = () => undefined;
    const ended = new Promise<HeldEnd>((settle) => {
      resolve = settle;
    });
    const end = (why: HeldEnd) => {
      if (!this.#open.delete(end)) return;
      clearTimeout(timer);
      open();
      resolve(why);
    };
    const timer = setTimeout(end, rule.deadlineMs ?? DEADLINE_MS, 'deadline' satisfies HeldEnd);
    this.#open.set(end, active);
    const { process, pid } = seen;
    rule.onHeld({ seen, process, pid, ended, release: () => end('released') });
  }

  /** Lets go what is held: by a rule, or by all. */
  letGo(why: HeldEnd, by?: ActiveRule): void {
    for (const [end, active] of [...this.#open]) if (!by || active === by) end(why);
  }
}
