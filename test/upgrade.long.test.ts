import { expect, test } from 'vitest';

import { expectNothingLeft, until } from './airflow.ts';
import { stacks, UPGRADE_MS, upgrade, upgradeIndex } from './played-upgrade.ts';

test(
  'an upgrade of the reference stack that is interrupted in its wave ends in order',
  async () => {
    const running = upgrade('reference', 'reference+rtif-merge', 'cut');
    await until('the load of the wave', () => /wave · load/.test(running.stderr()), 300_000);
    running.kill('SIGINT');
    const { code, stdout, stderr } = await running.ended;
    expect(code, stderr).toBe(130);
    const { state, phases } = upgradeIndex('cut');
    expect(state).toBe('interrupted');
    expect(phases).toMatchObject([
      { name: 'before', ended: 'completed', judged: { load_s: expect.any(Number) } },
      // Neither build violates anything; what its schedulers do first must not look so either.
      { name: 'wave', ended: 'interrupted', judged: { load_s: expect.any(Number), broken: {} } },
    ]);
    expect(stdout).toContain('It ended early: interrupted by SIGINT');
    expectNothingLeft(stacks);
  },
  UPGRADE_MS,
);
