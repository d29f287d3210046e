import { allPids, type ProcessStat, statOf } from './proc.ts';

export interface ProcessStats {
  /** Seconds of CPU used so far by the process, its living descendants and the ended children they have waited for. */
  readonly cpuS: number;
  readonly rssBytes: number;
}

/** Per root pid, with its descendants; nothing where there is no /proc. */
export function readProcessStats(roots: readonly number[]): Map<number, ProcessStats> {
  const result = new Map<number, ProcessStats>();
  if (process.platform !== 'linux') return result;
  const all = new Map<number, ProcessStat>();
  for (const pid of allPids()) {
    const stat = statOf(pid);
    if (stat) all.set(pid, stat);
  }
  for (const root of roots) {
    const family = [...all].filter(([pid]) => leadsTo(pid, root, all)).map(([, stat]) => stat);
    if (family.length === 0) continue;
    result.set(root, {
      cpuS: family.reduce((sum, stat) => sum + stat.cpuS, 0),
      rssBytes: family.reduce((sum, stat) => sum + stat.rssBytes, 0),
    });
  }
  return result;
}

function leadsTo(pid: number, root: number, all: ReadonlyMap<number, ProcessStat>): boolean {
  for (let at = pid; at > 1; at = all.get(at)?.parent ?? 0) if (at === root) return true;
  return false;
}
