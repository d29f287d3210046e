/**
 * Writes the figures of docs/calibration.md: from the list of defects, the invariants, and the results that
 * `windtunnel calibrate` kept in records/calibration/. `test/calibration-docs.test.ts` holds them together.
 *
 *     npm run calibration-docs
 */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { readKept } from '../harness/calibrate/results.ts';
import { listInvariants } from '../harness/judge/invariants.ts';
import { REFERENCE_DEFECTS } from '../harness/stacks/defects.ts';
import { withFigures } from './docs-calibration.ts';

const root = path.join(import.meta.dirname, '..');
const file = path.join(root, 'docs', 'calibration.md');
const kept = await readKept(path.join(root, 'records', 'calibration'), (why) => {
  throw new Error(why);
});
const sources = { planted: REFERENCE_DEFECTS, invariants: await listInvariants(), kept };
await writeFile(file, withFigures(await readFile(file, 'utf8'), sources));
console.log(`${path.relative('.', file)}: ${REFERENCE_DEFECTS.length} defects, ${kept.length} kept results`);
