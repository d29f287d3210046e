import { afterEach, expect, test } from 'vitest';

import { HandClient, TOKEN, workloadLine } from '../../test/handoff-client.ts';
import { scenario as seeds } from '../../workloads/scenarios/seeds.ts';
import { Dispatcher } from '../handoff/dispatcher.ts';
import { namespaceOf } from '../model/namespace.ts';
import { RunClock } from '../run-folder/clock.ts';
import { Hazards } from '../worker/hazards.ts';
import { CompletionNotifier } from './completion-notifier.ts';
import { Fleet } from './fleet.ts';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A fleet of a run on a target, of which each life reports at once, and the schedulers' hand-off before it. */
async function onTarget() {
  const seen = { played: [] as string[], rows: [] as object[], failures: [] as string[] };
  const dagNamespace = namespaceOf('a1b2c3');
  const fleet = new Fleet(
    {
      plan: { seed: 1, scenario: seeds },
      record: { append: (_, row) => void seen.rows.push(row), flush: async () => undefined, behindMs: 0 },
      clock: new RunClock(),
      fail: (error) => void seen.failures.push(error.message),
    },
    {
      dagNamespace,
      engine: {
        async play({ workload }) {
          seen.played.push(workload.ti.dag_id);
          return 'reported';
        },
        close: async () => undefined,
      },
      hazards: new Hazards(),
      completions: new CompletionNotifier(),
    },
  );
  const dispatcher = await Dispatcher.listen({
    address: 'tcp:127.0.0.1:0',
    token: TOKEN,
    accepts: (workload, from) => fleet.accepts(workload, from),
    onWorkload: (workload, from, delivery) => fleet.begin(workload, from, delivery),
  });
  ends.push(() => dispatcher.close());
  const scheduler = await HandClient.to(dispatcher.address);
  ends.push(() => scheduler.close());
  return { ...seen, dispatcher, scheduler, dagNamespace };
}

test('a workload of others is neither played, nor acknowledged, nor ended, and its name ends the run', async () => {
  const { scheduler, dispatcher, played, rows, failures } = await onTarget();
  const pay = { dag_id: 'payroll', task_id: 'pay_salaries' };
  for (const name of ['payroll', 'wt_a_dag_of_a_user', 'wt_a1b2c3_wt_not_of_the_plan'])
    scheduler.send(workloadLine(failures.length + 1, 't', { ...pay, dag_id: name }));
  expect(await scheduler.flushed()).toEqual([]);
  expect(played).toEqual([]);
  expect(dispatcher.known()).toMatchObject({ live: 0, owed: 0, delivered: 0, ended: 0 });
  // Another scheduler that adopts it hears that it has no worker here: Airflow queues it again.
  scheduler.send({ type: 'adopt', seq: 7, keys: [['payroll', 'pay_salaries', 'r', 1, -1]] });
  expect(await scheduler.next()).toEqual({ type: 'adopted', seq: 7, keys: [] });
  expect(failures).toHaveLength(3);
  expect(failures[0]).toMatch(/^scheduler-1 handed over payroll\.pay_salaries, which is not of this run\..*time-out/);
  expect(rows).toContainEqual(expect.objectContaining({ severity: 'ERROR', message: failures[0] }));
  // When the time is over, Airflow revokes it, and the executor gets its answer.
  scheduler.send({ type: 'revoke', seq: 8, key: ['payroll', 'pay_salaries', 'r', 1, -1] });
  expect(await scheduler.next()).toEqual({ type: 'ack', seq: 8 });
});

test('a task of the plan is played; what an earlier run left queued is failed, so that its slot is free', async () => {
  const { scheduler, played, failures, dagNamespace } = await onTarget();
  const [dag] = seeds.dags;
  const of = (namespace: string) => ({ dag_id: `${namespace}${dag?.dag_id}`, task_id: dag?.tasks[0]?.task_id });
  scheduler.send(workloadLine(1, 'mine', of(dagNamespace)));
  scheduler.send(workloadLine(2, 'left', of(namespaceOf('0f0f0f'))));
  const answers = [];
  for (let count = 0; count < 4; count++) answers.push(await scheduler.next());
  expect(answers.filter(({ type }) => type === 'ack')).toHaveLength(2);
  expect(answers.filter(({ type }) => type === 'ended')).toMatchObject([
    { outcome: 'success', of: 1 },
    { outcome: 'fail', of: 2 },
  ]);
  expect(played).toEqual([`${dagNamespace}${dag?.dag_id}`]);
  expect(failures).toEqual([]);
});
