import type { ComparedInvariant, Comparison } from '../harness/model/comparison.ts';
import { intervalText, invariantPairs, ratioText, reportLink } from './compare-words.ts';
import { document, escaped, table } from './markdown.ts';
import { count, probability, seconds } from './words.ts';

/** `compare.md`: for the pull request that raises the version. */
export function comparisonMarkdown(comparison: Comparison, folder: string): string {
  const { a, b, decision, sentence, caveats, tests } = comparison;
  return document([
    `# ${decision}: ${escaped(b.build)} against ${escaped(a.build)}`,
    `${escaped(sentence)}.`,
    ...caveats.map(escaped),
    '## Promises',
    table(
      ['promise', `A ${escaped(a.build)}`, `B ${escaped(b.build)}`],
      invariantPairs(a, b).map(({ name, a: before, b: after }) => [escaped(name), cell(before), cell(after)]),
    ),
    '## Counts',
    tests.length === 0
      ? 'No count was tested: one side has no run that can be believed.'
      : table(
          ['count', 'A', 'B', 'B : A', '95 %', 'p'],
          tests.map((test) => {
            const unit = (n: number) => (test.exposure_unit === 's' ? `in ${seconds(n)}` : `of ${count(n)}`);
            return [
              escaped(test.title),
              `${count(test.a)} ${unit(test.a_exposure)}`,
              `${count(test.b)} ${unit(test.b_exposure)}`,
              ratioText(test),
              intervalText(test),
              `${probability(test.p_adjusted).replace('<', '&lt;')}${test.better === null ? '' : ' \\*'}`,
            ];
          }),
        ),
    'Exact test of two Poisson rates, two-sided, p after Holm’s correction; \\* marks what chance does not explain.',
    '## Runs',
    [a, b]
      .flatMap((side, index) =>
        side.runs.map(({ run, seed, verdict }) => {
          const name = `${index === 0 ? 'A' : 'B'} ${escaped(side.build)}, seed ${seed}`;
          return `* [${name}](<${reportLink(folder, run)}>): ${verdict}`;
        }),
      )
      .join('\n'),
  ]);
}

function cell(invariant: ComparedInvariant | undefined): string {
  if (!invariant) return 'not judged';
  const glyph = { fail: '✗', unknown: '?', pass: '✓' }[invariant.verdict];
  return `${glyph} ${invariant.verdict}${invariant.verdict === 'fail' ? ` × ${count(invariant.violations)}` : ''}`;
}
