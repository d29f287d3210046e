import type { Held, Seen } from '../model/seen.ts';
import type { Wire, WireRuleHandle } from '../model/wire.ts';
import { isAt, type SubjectOf } from './points.ts';
import type { Point, ScriptProcess } from './steps.ts';

/** As long as no process of a stack and no client gives up. */
const LONGEST_HOLD_MS = 4_000;
/** Where the file says why. */
const LONG_HOLD_MS = 60_000;

/** Statements that are kept of each process, to say what it did instead. */
const KEPT = 40;

/** A hold or a cut of a script: it has been set, then someone has come to it. */
export interface Trap {
  readonly name: string;
  readonly process: ScriptProcess;
  readonly reached: Promise<Seen>;
  /** Undefined until it is reached, and for a cut. */
  held: Held | undefined;
  heldAt: number | undefined;
  /** Why it ended, if not by `release`. */
  endedBy: string | undefined;
}

/** The processes of the stack as one episode sees them: what they send, and what of it is held. */
export class Processes {
  readonly #wires: ReadonlyMap<string, Wire>;
  readonly #subjectOf: SubjectOf;
  readonly #isLong: boolean;
  /** Which scheduler a word of the script has come to stand for. */
  readonly #bound = new Map<ScriptProcess, string>();
  readonly #handles: WireRuleHandle[] = [];
  readonly #unwatch: (() => void)[] = [];
  readonly #seen = new Map<string, Seen[]>();
  readonly #watchers = new Set<(process: string, seen: Seen) => void>();

  constructor(wires: ReadonlyMap<string, Wire>, subjectOf: SubjectOf, isLong: boolean) {
    this.#wires = wires;
    this.#subjectOf = subjectOf;
    this.#isLong = isLong;
  }

  /** Begins to watch what they send. */
  async open(): Promise<void> {
    for (const [name, wire] of this.#wires) {
      const { unwatch } = await wire.watch((seen) => this.#note(name, seen));
      this.#unwatch.push(unwatch);
    }
  }

  /** Everything held is let go, and nothing is held any more. */
  disarm(): void {
    for (const handle of this.#handles.splice(0)) handle.remove();
  }

  close(): void {
    this.disarm();
    for (const unwatch of this.#unwatch) unwatch();
    this.#watchers.clear();
  }

  /** Whether this process of the stack can be meant. */
  isMeant(word: ScriptProcess, process: string): boolean {
    const bound = this.#bound.get(word);
    if (bound !== undefined) return bound === process;
    const others: Partial<Record<ScriptProcess, ScriptProcess>> = {
      scheduler: 'other scheduler',
      'other scheduler': 'scheduler',
    };
    const other = others[word];
    if (other !== undefined && this.#bound.get(other) === process) return false;
    const role = word === 'other scheduler' ? 'scheduler' : word;
    return process === role || process.startsWith(`${role}-`);
  }

  bind(word: ScriptProcess, process: string): void {
    if (!this.#bound.has(word)) this.#bound.set(word, process);
  }

  /** The next statement at this point waits until it is let go. */
  hold(name: string, word: ScriptProcess, point: Point): Trap {
    const { trap, reach } = newTrap(name, word);
    for (const [process, wire] of this.#wires) {
      if (!this.isMeant(word, process)) continue;
      const handle = wire.add({
        do: 'hold',
        at: point.at,
        most: 1,
        deadlineMs: this.#isLong ? LONG_HOLD_MS : LONGEST_HOLD_MS,
        matches: (seen) => trap.held === undefined && this.#isHere(word, process, point, seen),
        onHeld: (held) => {
          // Another process came to it in the same moment.
          if (trap.held) held.release();
          else this.#reached(trap, held, reach);
        },
      });
      this.#handles.push(handle);
    }
    return trap;
  }

  /** The connection of the next statement at this point is broken instead. */
  cut(name: string, word: ScriptProcess, point: Point): Trap {
    const { trap, reach } = newTrap(name, word);
    let cut: Seen | undefined;
    for (const [process, wire] of this.#wires) {
      if (!this.isMeant(word, process)) continue;
      const matches = (seen: Seen) => {
        if (cut || !this.#isHere(word, process, point, seen)) return false;
        cut = seen;
        return true;
      };
      const onHit = () => {
        this.bind(word, process);
        if (cut) reach(cut);
      };
      this.#handles.push(wire.add({ do: 'cut', statement: /(?:)/, matches, most: 1 }, onHit));
    }
    return trap;
  }

  /** Resolves when a process has gone through this point. */
  passes(word: ScriptProcess, point: Point): Promise<{ readonly process: string; readonly seen: Seen }> {
    return new Promise((resolve) => {
      const watcher = (process: string, seen: Seen) => {
        if (!this.#isHere(word, process, point, seen) || seen.answer?.sqlstate !== undefined) return;
        this.#watchers.delete(watcher);
        this.bind(word, process);
        resolve({ process, seen });
      };
      this.#watchers.add(watcher);
    });
  }

  /** What a process has sent last, in the words of its statements. */
  lastOf(word: ScriptProcess): readonly Seen[] {
    return [...this.#seen].filter(([process]) => this.isMeant(word, process)).flatMap(([, seen]) => seen);
  }

  #isHere(word: ScriptProcess, process: string, point: Point, seen: Seen): boolean {
    return this.isMeant(word, process) && isAt(point, seen, this.#subjectOf);
  }

  #reached(trap: Trap, held: Held, reach: (seen: Seen) => void): void {
    trap.held = held;
    trap.heldAt = performance.now();
    this.bind(trap.process, held.process);
    void held.ended.then((why) => {
      if (why !== 'released') trap.endedBy = why;
    });
    reach(held.seen);
  }

  #note(process: string, seen: Seen): void {
    const kept = this.#seen.get(process) ?? [];
    kept.push(seen);
    if (kept.length > KEPT) kept.shift();
    this.#seen.set(process, kept);
    for (const watcher of [...this.#watchers]) watcher(process, seen);
  }
}

function newTrap(name: string, process: ScriptProcess): { readonly trap: Trap; reach(seen: Seen): void } {
  let reach: (seen: Seen) => void = () => undefined;
  const reached = new Promise<Seen>((resolve) => {
    reach = resolve;
  });
  const trap: Trap = { name, process, reached, held: undefined, heldAt: undefined, endedBy: undefined };
  return { trap, reach };
}
