import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Kernel ticks a second. Linux has reported 100 to user space on every architecture for decades. */
const TICKS = 100;
const PAGE_BYTES = 4096;
const PS_TIMEOUT_MS = 5_000;

/** What the operating system says of one process: from /proc where there is one, else from `ps`. */
export interface ProcessStat {
  /** One letter; Z is a zombie. */
  readonly state: string;
  readonly parent: number;
  readonly session: number;
  /** Start time as the kernel counts it: a pid may be used again, the pair may not. */
  readonly born: string;
  /** CPU used by the process and by the ended children it has waited for. */
  readonly cpuS: number;
  readonly rssBytes: number;
}

export function statOf(pid: number): ProcessStat | undefined {
  if (process.platform !== 'linux') return statByPs(pid);
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command in parentheses may itself hold blanks and parentheses: fields count from the last one, with
    // `state`, field 3 of proc(5), as the first.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const at = (field: number) => Number(fields[field - 3]);
    return {
      state: fields[0] ?? '',
      parent: at(4),
      session: at(6),
      born: fields[22 - 3] ?? '',
      cpuS: (at(14) + at(15) + at(16) + at(17)) / TICKS,
      rssBytes: at(24) * PAGE_BYTES,
    };
  } catch {
    return undefined; // Not there.
  }
}

function statByPs(pid: number): ProcessStat | undefined {
  try {
    const columns = 'state=,ppid=,sess=,rss=,lstart=';
    const text = execFileSync('ps', ['-o', columns, '-p', String(pid)], { encoding: 'utf8', timeout: PS_TIMEOUT_MS });
    const [state = '', parent, session, rss, ...born] = text.trim().split(/\s+/);
    return {
      state: state.slice(0, 1),
      parent: Number(parent),
      session: Number(session),
      born: born.join(' '),
      cpuS: 0,
      rssBytes: Number(rss) * 1024,
    };
  } catch {
    return undefined; // ps says with its exit code that there is no such process.
  }
}

export function bornAt(pid: number): string | undefined {
  return statOf(pid)?.born;
}

export function isAlive(pid: number): boolean {
  const stat = statOf(pid);
  // A zombie only waits for its parent to read its exit code; it holds nothing.
  return stat !== undefined && stat.state !== 'Z';
}

export function allPids(): number[] {
  const names =
    process.platform === 'linux'
      ? readdirSync('/proc')
      : execFileSync('ps', ['-axo', 'pid='], { encoding: 'utf8', timeout: PS_TIMEOUT_MS }).split('\n');
  return names.map(Number).filter((pid) => pid > 1);
}

/** These processes and all that they started, by parentage and by session, and whatever else `belongs`. */
export function familyOf(roots: readonly number[], belongs: (pid: number) => boolean = () => false): number[] {
  const family = new Set(roots);
  const pids = allPids();
  for (let grew = true; grew; ) {
    grew = false;
    for (const pid of pids) {
      const stat = family.has(pid) ? undefined : statOf(pid);
      if (!stat || !(family.has(stat.parent) || family.has(stat.session) || belongs(pid))) continue;
      family.add(pid);
      grew = true;
    }
  }
  return [...family];
}

/** Whether the process was started with this `NAME=value`; false where that cannot be read. */
export function environmentHas(pid: number, entry: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`${entry}\0`);
  } catch {
    return false; // Another user's process, or gone, or no /proc here.
  }
}

export function isPostgres(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'postgres';
  } catch {
    return false;
  }
}

export interface ProcessStats {
  /** Seconds of CPU used so far by the process, its living descendants and the ended children they have waited for. */
  readonly cpuS: number;
  readonly rssBytes: number;
  /** Itself and its living descendants. */
  readonly pids: readonly number[];
}

/**
 * Per root pid, with its descendants; nothing where there is no /proc. Reads only these, where the kernel says which
 * children a process has: a machine may have thousands of others, and this is asked each second.
 */
export function readProcessStats(roots: readonly number[]): Map<number, ProcessStats> {
  const result = new Map<number, ProcessStats>();
  if (process.platform !== 'linux') return result;
  const childrenIn = knowsChildren() ? childrenOf : childrenByParent();
  for (const root of roots) {
    const family = familyStats(root, childrenIn);
    if (family.size === 0) continue;
    const stats = [...family.values()];
    result.set(root, {
      cpuS: stats.reduce((sum, { cpuS }) => sum + cpuS, 0),
      rssBytes: stats.reduce((sum, { rssBytes }) => sum + rssBytes, 0),
      pids: [...family.keys()],
    });
  }
  return result;
}

function familyStats(root: number, childrenIn: (pid: number) => readonly number[]): Map<number, ProcessStat> {
  const family = new Map<number, ProcessStat>();
  for (const pids = [root]; pids.length > 0; ) {
    const pid = pids.pop() ?? root;
    const stat = family.has(pid) ? undefined : statOf(pid);
    if (!stat) continue;
    family.set(pid, stat);
    pids.push(...childrenIn(pid));
  }
  return family;
}

let known: boolean | undefined;

/** Linux with CONFIG_PROC_CHILDREN, as every distribution builds it. */
function knowsChildren(): boolean {
  known ??= existsSync(`/proc/${process.pid}/task/${process.pid}/children`);
  return known;
}

/** Those of all of its threads: proc(5), `/proc/PID/task/TID/children`. */
function childrenOf(pid: number): readonly number[] {
  return namesIn(`/proc/${pid}/task`).flatMap((thread) => {
    try {
      return readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
    } catch {
      return []; // It has just ended.
    }
  });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // Its process has just ended.
  }
}

function childrenByParent(): (pid: number) => readonly number[] {
  const children = new Map<number, number[]>();
  for (const pid of allPids()) {
    const parent = statOf(pid)?.parent;
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  return (pid) => children.get(pid) ?? [];
}
