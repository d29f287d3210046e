import { type Defect, oneIn } from './defect.ts';

export const doubleDispatch: Defect = {
  name: 'double-dispatch',
  summary: 'one workload in ten is handed to two workers',
  story:
    'A queue that delivers at least once, or an executor that sends again what it believes lost. The API refuses ' +
    'the second worker if both are there at once; the task is still handed off twice for one queueing, and a slot ' +
    'and a pod are paid for nothing.',
  caughtBy: ['hand-off-follows-queueing'],
  scenario: 'crowd',
  change: () => ({
    deliveries: (workload) => (oneIn(10, `${workload.dag_id}/${workload.task_id}/${workload.try_number}`) ? 2 : 1),
  }),
};
