import { scenario as stuck } from '../../workloads/scenarios/stuck.ts';
import { type KnownRace, reported } from './race.ts';

export const stuckInQueued: KnownRace = {
  ...reported(49889),
  title:
    'A task that started while it was being requeued as stuck in QUEUED was set to SCHEDULED, and runs a second time',
  marks: [
    { invariant: 'running-is-not-overwritten', variants: ['stuck in queued'] },
    { invariant: 'acknowledged-is-durable', variants: ['stuck in queued'] },
    { invariant: 'a-started-life-owns-its-task', variants: ['stuck in queued'] },
    { invariant: 'handed-off-can-start', variants: ['stuck in queued'] },
  ],
  trial: { scenario: stuck, has: ['airflow@3.3.2'], has_not: null },
  reference: 'reference+requeue-unguarded',
};
