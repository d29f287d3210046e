import pg from 'pg';

import type { Defect } from './defect.ts';

export const backfillCreationBreaks: Defect = {
  name: 'backfill-creation-breaks',
  kind: 'circumstance',
  summary: 'every other backfill loses a lock while its runs are created: 503, and no runs',
  story:
    'What makes orphans: the creation of the runs fails after the row of the backfill was committed. 3.3.2 cleans up ' +
    'behind itself and answers 503; so does the reference stack, and nothing is wrong with that.',
  caughtBy: [],
  scenario: 'backfills',
  change: (below) => ({
    async beforeBackfillRun(tx, creation) {
      await below.beforeBackfillRun(tx, creation);
      const { backfillId, ordinal } = creation;
      if (backfillId % 2 === 1 || ordinal !== 10) return;
      const error = new pg.DatabaseError('could not obtain lock on row in relation "dag"', 0, 'error');
      error.code = '55P03';
      throw error;
    },
  }),
};
