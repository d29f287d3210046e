import { type ExportedTest, type PytestedBuild, showsRace } from '../../harness/model/exported-test.ts';
import { counted, visible } from '../words.ts';
import { fitted, paintFor, type TextOptions } from './screen.ts';

/** Of one build at most. */
const SHOWN = 5;

/** What `windtunnel export --as pytest` prints: how the test ended on each build, and why it failed. */
export function exportedTestText(test: ExportedTest, options: TextOptions): string {
  const { race, file, because, builds } = test;
  const must = `it must fail with "${visible(because)}" where the race is, and pass where it is not`;
  const verdict = showsRace(test)
    ? 'It fails where the race is, and passes where it is not.'
    : `This does not show the race: ${must}.`;
  return [`${visible(race)}  ${visible(file)}`, ...builds.flatMap((one) => buildLines(one, options)), verdict].join(
    '\n',
  );
}

function buildLines({ build, wanted, outcome }: PytestedBuild, options: TextOptions): string[] {
  const paint = paintFor(options);
  const word = {
    passed: paint.green('green'),
    failed: paint.red('red'),
    error: paint.yellow('error'),
  }[outcome.kind];
  const failed = outcome.lines.length > 0 ? `${outcome.lines.length} failed, ` : '';
  const must = outcome.kind === wanted ? '' : `; it must be ${wanted === 'passed' ? 'green' : 'red'}`;
  const hidden = outcome.lines.length - SHOWN;
  return [
    `  ${fitted(build, 2).padEnd(16)}  ${word}  ${failed}${outcome.passed} passed${must}`,
    ...outcome.lines.slice(0, SHOWN).map((line) => `    ${fitted(line, 4)}`),
    ...(hidden > 0 ? [`    and ${counted(hidden, 'more')}`] : []),
  ];
}
