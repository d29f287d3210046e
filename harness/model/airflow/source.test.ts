import { expect, test } from 'vitest';

import { findPlaces, handlerOf } from './source.ts';

const SOURCE = `
def other(session):
    session.merge(thing)


class Fields:
    @provide_session
    def write(
        self,
        session,
    ):
        """Write."""
        def inner():
            pass

        session.merge(self)

    def write_all(self, session):
        session.flush()
`;
const read = (file: string) => (file === 'models/fields.py' ? SOURCE : undefined);
const place = { does: 'writes', file: 'models/fields.py', within: 'write', code: 'session.merge(' };

test('a place is the first line of the function that has the code', () => {
  expect(findPlaces([place], read)).toEqual([{ ...place, line: 16, text: 'session.merge(self)' }]);
});

test('without code it is where the function begins', () => {
  const { does, file, within } = place;
  expect(findPlaces([{ does, file, within }], read)).toMatchObject([{ line: 8, text: 'def write(' }]);
});

test('what another function has, or another file, is not found', () => {
  const gone = [
    { ...place, within: 'write_all' },
    { ...place, within: 'read' },
    { ...place, file: 'models/none.py' },
    { ...place, code: 'session.flush()' },
  ];
  expect(findPlaces(gone, read).map(({ line }) => line)).toEqual([null, null, null, null]);
});

test('requests have handlers, and a kind that is none of Airflow has none', () => {
  expect(handlerOf('skip_downstream')?.within).toBe('ti_skip_downstream');
  expect(handlerOf('other')).toBeUndefined();
});
