import type { Defect } from './defect.ts';

export const rtifFirstStays: Defect = {
  name: 'rtif-first-stays',
  summary: 'rendered fields are inserted where there are none, and a later try does not replace them',
  story:
    'ON CONFLICT DO NOTHING is a quick end of the 409s of #63581, and loses something else: a user who looks at the ' +
    'second try of a task sees the command of the first.',
  caughtBy: ['rtif-last-writer-wins'],
  scenario: 'crowd',
  change: () => ({
    async writeRenderedFields(tx, key, fields) {
      await tx.query(
        `INSERT INTO rendered_task_instance_fields (dag_id, task_id, run_id, map_index, rendered_fields)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
        [key.dag_id, key.task_id, key.run_id, key.map_index, JSON.stringify(fields)],
      );
    },
  }),
};
