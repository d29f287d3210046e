import type { Defect } from './defect.ts';

export const dagStarved: Defect = {
  name: 'dag-starved',
  summary: 'the runs of the DAG that comes last by name are never examined',
  story:
    'The scheduler takes a bounded number of runs each loop, in an order that always begins with the same ones. ' +
    'Under enough load the last DAG is never reached: its runs are RUNNING, and nothing in them is ever scheduled.',
  caughtBy: ['every-dag-progresses'],
  scenario: 'crowd',
  durationS: 40,
  change: (below) => ({
    examinable: `(${below.examinable}) AND dag_run.dag_id <> (SELECT max(other.dag_id) FROM dag AS other)`,
  }),
};
