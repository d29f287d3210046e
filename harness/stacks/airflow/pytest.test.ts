import { expect, test } from 'vitest';

import { pytestOutcome } from './pytest.ts';

const FAILED = `.F
=== FAILURES ===
test_x.py:9: in test_it
    assert 1 == 2
E   assert 1 == 2
=== short test summary info ===
FAILED test_x.py::test_it[a] - assert 1 == 2
1 failed, 1 passed in 0.10s
`;

test('passed is a test that ran and passed', () => {
  expect(pytestOutcome(0, '..\n2 passed, 1 warning in 0.10s')).toMatchObject({ kind: 'passed', passed: 2, lines: [] });
});

test('what failed is said with its reason', () => {
  expect(pytestOutcome(1, FAILED)).toMatchObject({ kind: 'failed', passed: 1, lines: ['test_it[a] - assert 1 == 2'] });
});

test('a test that cannot be set up, collected or found has not failed', () => {
  const setup = 'E\nERROR test_x.py::test_it - ImportError: no module\n1 error in 0.10s';
  expect(pytestOutcome(1, setup)).toMatchObject({ kind: 'error', lines: ['test_it - ImportError: no module'] });
  expect(pytestOutcome(2, 'ERROR test_x.py\n1 error in 0.10s')).toMatchObject({ kind: 'error' });
  expect(pytestOutcome(5, 'no tests ran in 0.01s')).toMatchObject({ kind: 'error', lines: ['no tests ran in 0.01s'] });
  expect(pytestOutcome(0, 's\n1 skipped in 0.01s')).toMatchObject({ kind: 'error' });
});
