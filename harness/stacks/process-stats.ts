import { readdirSync, readFileSync } from 'node:fs';

/** Kernel ticks a second. Linux has reported 100 to user space on every architecture for decades. */
const TICKS = 100;
const PAGE_BYTES = 4096;

export interface ProcessStats {
  /** Seconds of CPU used so far by the process, its living descendants and the ended children it has waited for. */
  readonly cpuS: number;
  readonly rssBytes: number;
}

/** Per root pid; nothing where there is no /proc. */
export function readProcessStats(roots: readonly number[]): Map<number, ProcessStats> {
  const result = new Map<number, ProcessStats>();
  if (process.platform !== 'linux') return result;
  const all = new Map(
    readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 0)
      .flatMap((pid) => {
        const stat = readStat(pid);
        return stat ? [[pid, stat] as const] : [];
      }),
  );
  for (const root of roots) {
    const family = [...all.keys()].filter((pid) => leadsTo(pid, root, all));
    let ticks = 0;
    let pages = 0;
    for (const pid of family) {
      ticks += all.get(pid)?.ticks ?? 0;
      pages += all.get(pid)?.pages ?? 0;
    }
    if (family.length > 0) result.set(root, { cpuS: ticks / TICKS, rssBytes: pages * PAGE_BYTES });
  }
  return result;
}

interface Stat {
  readonly parent: number;
  readonly ticks: number;
  readonly pages: number;
}

function leadsTo(pid: number, root: number, all: ReadonlyMap<number, Stat>): boolean {
  for (let at = pid; at > 1; at = all.get(at)?.parent ?? 0) if (at === root) return true;
  return false;
}

function readStat(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const at = (i: number) => Number(fields[i]);
    // proc(5): utime, stime, cutime, cstime are fields 14 to 17, rss is field 24; `fields` begins with field 3.
    return { parent: at(1), ticks: at(11) + at(12) + at(13) + at(14), pages: at(21) };
  } catch {
    return undefined; // Ended while we looked.
  }
}
