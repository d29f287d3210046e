import { type Defect, oneIn } from './defect.ts';

/** What a task that triggers a run of another DAG is answered, and what it gets. */
export const TRIGGER_DEFECTS: readonly Defect[] = [
  {
    name: 'trigger-not-idempotent',
    summary: 'a trigger that is sent again finds its own run, and is refused',
    story:
      'The server makes the run, the answer is lost on the way, and the client sends the same again. That the run is ' +
      'there is taken for a conflict: the task fails, also where it has tries left, and the run that it triggered ' +
      'continues without it. Airflow up to 3.4 (#66905).',
    caughtBy: ['a-trigger-takes-effect-once', 'a-retry-is-a-retry'],
    scenario: 'triggers',
    durationS: 45,
    change: (below) => ({
      triggerRun: async (tx, dag, run, before) => before === undefined && below.triggerRun(tx, dag, run, before),
    }),
  },

  {
    name: 'trigger-made-again',
    summary: 'a trigger that is sent again makes a second run, under another name',
    story:
      'A cure for the refusal that goes too far: where the name is taken, the server finds another. The delivery is ' +
      'sent twice, and both runs are a success.',
    caughtBy: ['a-trigger-takes-effect-once'],
    scenario: 'triggers',
    durationS: 45,
    change: (below) => ({
      async triggerRun(tx, dag, run, before) {
        const again = { ...run, run_id: `${run.run_id}_again`, logical_date: null };
        return below.triggerRun(tx, dag, before === 'the same' ? again : run, undefined);
      },
    }),
  },

  {
    name: 'trigger-lost',
    summary: 'one trigger in eight is acknowledged, and no run comes of it',
    story:
      'The run is to be made later, in the background, and the queue is lost with the process. The task that ' +
      'triggered it is a success and names a run that does not exist.',
    caughtBy: ['a-trigger-has-its-run'],
    scenario: 'triggers',
    durationS: 45,
    change: (below) => ({
      triggerRun: async (tx, dag, run, before) =>
        oneIn(8, run.run_id) ? true : below.triggerRun(tx, dag, run, before),
    }),
  },

  {
    name: 'trigger-without-conf',
    summary: 'the run of one trigger in eight has no configuration',
    story:
      'The configuration is read from the form of another release, which does not have it, and a default takes its ' +
      'place. The run works on yesterday instead of the day that it was asked for.',
    caughtBy: ['a-trigger-has-its-run'],
    scenario: 'triggers',
    durationS: 45,
    change: (below) => ({
      async triggerRun(tx, dag, run, before) {
        if (!oneIn(8, run.run_id)) return below.triggerRun(tx, dag, run, before);
        return before !== undefined || below.triggerRun(tx, dag, { ...run, conf: {} }, before);
      },
    }),
  },
];
