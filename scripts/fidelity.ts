/**
 * Records what the real workers of the releases send, for test/fidelity. Needs nothing but Python: no stack, no
 * database. A minute a release (3.4 three), most of it waiting; what is recorded is then compared by
 * test/fidelity/fidelity.test.ts.
 *
 *     npm run fidelity                       all releases
 *     npm run fidelity -- 3.3.2 3.4.0b2      these
 *     npm run fidelity -- --case "fields 410"    this case alone, of all releases: seconds
 */
import { CASES } from '../test/fidelity/cases.ts';
import { record } from '../test/fidelity/record.ts';
import { RELEASES, readRecording, writeRecording } from '../test/fidelity/recording.ts';
import { flagsOf } from './flags.ts';

const { values, positionals } = flagsOf({ allowPositionals: true, options: { case: { type: 'string' } } });
const unknown = positionals.filter((release) => !RELEASES.some((known) => known === release));
if (unknown.length > 0) {
  console.error(`Not recorded: ${unknown.join(', ')}. Releases: ${RELEASES.join(', ')}.`);
  process.exit(2);
}
const cases = CASES.filter(({ name }) => values.case === undefined || values.case === name);
if (cases.length === 0) {
  console.error(`There is no case "${values.case}": test/fidelity/cases.ts has them.`);
  process.exit(2);
}
const interrupt = new AbortController();
process.once('SIGINT', () => interrupt.abort(new Error('interrupted')));

for (const release of positionals.length > 0 ? positionals : RELEASES) {
  const startedMs = performance.now();
  const recording = await record(release, interrupt.signal, console.log, cases);
  const others = values.case === undefined ? {} : readRecording(release).cases;
  const all = { ...others, ...recording.cases };
  // In the order of the cases.
  const kept = CASES.flatMap(({ name }) => (all[name] === undefined ? [] : [[name, all[name]] as const]));
  writeRecording({ ...recording, cases: Object.fromEntries(kept) });
  const requests = Object.values(recording.cases).reduce((sum, played) => sum + played.requests.length, 0);
  const seconds = Math.round((performance.now() - startedMs) / 1_000);
  console.log(`${release}: ${Object.keys(recording.cases).length} cases, ${requests} requests, ${seconds} s`);
}
