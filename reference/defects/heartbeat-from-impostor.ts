import type { Defect } from './defect.ts';

export const heartbeatFromImpostor: Defect = {
  name: 'heartbeat-from-impostor',
  summary: 'a heartbeat is accepted from a worker that does not run the task',
  story:
    'The fast path of the heartbeat checks the state and forgets host and pid. A zombie that was replaced is never ' +
    'stopped, so two workers do the same work, and the heartbeats of another worker hide that a worker is dead.',
  caughtBy: ['impostors-are-refused'],
  scenario: 'crowd',
  change: () => ({
    async beat(db, id) {
      const { rowCount } = await db.query(
        `UPDATE task_instance SET last_heartbeat_at = now(), updated_at = now() WHERE id = $1 AND state = 'running'`,
        [id],
      );
      return rowCount === 1;
    },
  }),
};
