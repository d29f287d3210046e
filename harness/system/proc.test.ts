import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';

import { expect, test } from 'vitest';

import { allPids, readProcessStats, statOf } from './proc.ts';

test.skipIf(!existsSync('/proc/self/stat'))(
  'a process counts with all that descends from it, and no other',
  async () => {
    const other = spawn('sleep', ['60']);
    const root = spawn('sh', ['-c', 'sleep 60 & sh -c "sleep 60 & echo ready; wait" & wait']);
    try {
      await once(root.stdout, 'data');
      const pid = root.pid ?? -1;
      const stats = readProcessStats([pid, other.pid ?? -1, 2 ** 22 + 1]);
      expect([...stats.keys()]).toEqual([pid, other.pid]);
      expect(stats.get(other.pid ?? -1)?.pids).toEqual([other.pid]);
      // As each process itself names its parent.
      const leads = (at: number): boolean => at === pid || (at > 1 && leads(statOf(at)?.parent ?? 0));
      const family = allPids().filter(leads);
      expect(family).toHaveLength(4);
      expect([...(stats.get(pid)?.pids ?? [])].sort((a, b) => a - b)).toEqual(family.sort((a, b) => a - b));
      expect(stats.get(pid)?.rssBytes).toBeGreaterThan(0);
    } finally {
      for (const pid of [...(readProcessStats([root.pid ?? -1]).get(root.pid ?? -1)?.pids ?? [])]) process.kill(pid);
      other.kill();
    }
  },
);
