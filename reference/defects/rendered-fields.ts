import type { Tx } from '../behaviour.ts';
import type { Defect } from './defect.ts';

/** `session.merge`: look, then insert or update. */
async function mergeRenderedFields(
  tx: Tx,
  key: { dag_id: string; task_id: string; run_id: string; map_index: number },
  fields: unknown,
): Promise<void> {
  const place = [key.dag_id, key.task_id, key.run_id, key.map_index];
  const found = await tx.query(
    `SELECT 1 FROM rendered_task_instance_fields
     WHERE dag_id = $1 AND task_id = $2 AND run_id = $3 AND map_index = $4`,
    place,
  );
  await tx.query(
    found.rows.length > 0
      ? `UPDATE rendered_task_instance_fields SET rendered_fields = $5
         WHERE dag_id = $1 AND task_id = $2 AND run_id = $3 AND map_index = $4`
      : `INSERT INTO rendered_task_instance_fields (dag_id, task_id, run_id, map_index, rendered_fields)
         VALUES ($1, $2, $3, $4, $5)`,
    [...place, JSON.stringify(fields)],
  );
}

/** Two writers of one row of rendered fields (#63581). */
export const RENDERED_FIELDS_DEFECTS: readonly Defect[] = [
  {
    name: 'rtif-merge',
    summary: 'rendered fields are looked up, then inserted: of two writers at once, one is refused with 409',
    story:
      'A client whose first write timed out sends it again while the first is under way; or two tries overlap, ' +
      'because the key has no try number. Both look and find nothing, both insert, and the unique key refuses one. ' +
      'The client takes the 409 for fatal and fails a task that did nothing wrong. Airflow up to 3.2.2.',
    caughtBy: ['rtif-last-writer-wins'],
    scenario: 'seeds',
    change: () => ({ writeRenderedFields: mergeRenderedFields }),
  },

  {
    name: 'rtif-retry-once',
    kind: 'remedy',
    summary: 'a refused insert of rendered fields is rolled back and tried once more, which then updates',
    story:
      'The smaller remedy: the insert waits for the other writer at the unique key, so that when it fails the row is ' +
      'there, and the second try finds and updates it. The upsert that Airflow chose does the same in one statement.',
    caughtBy: [],
    scenario: 'seeds',
    change: () => ({
      async writeRenderedFields(tx, key, fields) {
        await tx.query('SAVEPOINT rendered_fields');
        try {
          await mergeRenderedFields(tx, key, fields);
        } catch (error) {
          if (!(error instanceof Error && 'code' in error && error.code === '23505')) throw error;
          await tx.query('ROLLBACK TO SAVEPOINT rendered_fields');
          await mergeRenderedFields(tx, key, fields);
        }
      },
    }),
  },

  {
    name: 'rtif-first-stays',
    summary: 'rendered fields are inserted where there are none, and a later try does not replace them',
    story:
      'ON CONFLICT DO NOTHING is a quick end of the 409s of #63581, and loses something else: a user who looks at ' +
      'the second try of a task sees the command of the first.',
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
  },
];
