import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';

import { statOf } from './proc.ts';

/**
 * All processes of a stack are equally nice, and nicer than the harness: on a starved machine the stack's slowness must
 * not show as lateness of the harness, which would make the run worthless. Nicer still, and whatever else runs on the
 * machine would starve the stack.
 */
const NICENESS = 10;
const LOOK_MS = 100;

/**
 * Where Linux groups processes by session (sched_autogroup_enabled, the default of most distributions), niceness
 * counts only within a session, and all sessions have equal shares. Each PostgreSQL backend leads a session: a
 * stack with fifty busy connections would get fifty times the harness's share. So each session is made nice, too.
 */
export class Niceness {
  /** Their children are looked at, too. */
  readonly #roots = new Set<number>();
  readonly #nice = new Set<number>();
  #timer: NodeJS.Timeout | undefined;

  /** `pid` leads a session; whatever it starts yields as well. */
  add(pid: number): void {
    try {
      setPriority(pid, NICENESS);
    } catch {
      // Ended already, or not allowed here: then lateness is measured and judged like everything else.
    }
    // Were only some of the sessions nice, the others would crowd them out.
    if (!canFindChildren()) return;
    this.#roots.add(pid);
    this.#yield(pid);
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const seen = new Set<number>();
    for (const root of this.#roots) {
      const children = childrenOf(root);
      if (children === undefined) {
        this.#roots.delete(root); // It has ended.
        continue;
      }
      for (const pid of [root, ...children]) {
        seen.add(pid);
        if (!this.#nice.has(pid) && statOf(pid)?.session === pid) this.#yield(pid);
      }
    }
    for (const pid of this.#nice) if (!seen.has(pid)) this.#nice.delete(pid);
  }

  #yield(pid: number): void {
    try {
      writeFileSync(`/proc/${pid}/autogroup`, String(NICENESS), { flag: 'r+' });
      this.#nice.add(pid);
    } catch (error) {
      // Without root, the kernel takes ten such wishes a second: the next look tries again.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') this.#nice.add(pid);
    }
  }
}

function canFindChildren(): boolean {
  return existsSync(`/proc/self/task/${process.pid}/children`) && existsSync('/proc/self/autogroup');
}

function childrenOf(pid: number): number[] | undefined {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').map(Number).filter(Boolean);
  } catch {
    return undefined;
  }
}
