import type { Defect } from './defect.ts';
import { mergeRenderedFields } from './rtif-merge.ts';

export const rtifRetryOnce: Defect = {
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
};
