import { everyMapIndex } from '../dags/create-run.ts';
import type { Defect } from './defect.ts';

export const mapIndexLost: Defect = {
  name: 'map-index-lost',
  summary: 'the last map index of a mapped task gets no task instance',
  story:
    'Indexes begin with 0, and the loop ends one too early. That the last file of the list is missing goes ' +
    'unnoticed: the run is a success.',
  caughtBy: ['every-map-index-once'],
  scenario: 'mishaps',
  change: () => ({ mapIndexes: (values) => everyMapIndex(values === undefined ? values : values - 1) }),
};
