import type { ComparedInvariant, Comparison } from '../../harness/model/comparison.ts';
import { correctedFor, invariantRows, knownOfSides, lettered, reportLink, worstBuilds } from '../comparison.ts';
import { type ComparisonRow, comparedText, countRows, isCounted, measureRows } from '../comparison-rows.ts';
import { CONFLICTS_TITLE, comparedConflicts } from '../conflicts.ts';
import { count, GLYPH, listed } from '../words.ts';
import { document, markdownTable, plain } from './document.ts';

/** `compare.md`: for the pull request that raises the version. */
export function comparisonMarkdown(comparison: Comparison, folder: string): string {
  const { pairs, decision, sentence, caveats, looks } = comparison;
  const builds = lettered(comparison);
  const heads = builds.map(({ letter, side }) => `${letter} ${plain(side.build)}`);
  const counts = countRows(comparison).filter((row) => row.decides && isCounted(row));
  const measures = measureRows(comparison).filter(({ decides }) => decides);
  const others = plain(listed(worstBuilds(comparison)));
  const sentences =
    pairs.length === 1
      ? [`${plain(sentence)}.`]
      : [pairs.map((pair) => `* ${pair.letter}, ${pair.decision}: ${plain(pair.sentence)}.`).join('\n')];
  return document([
    `# ${decision}: ${others} against ${plain(comparison.a.build)}`,
    ...sentences,
    ...caveats.map(plain),
    ...knownOfSides(comparison).map((line) => `* ${plain(line)}`),
    ...(looks === null ? [] : [plain(looks.sentence)]),
    '## Counts',
    countRows(comparison).length === 0 ? 'No count was tested: one side has no valid run.' : rowsTable(counts, heads),
    `p is corrected for ${correctedFor(comparison)}; docs/comparing.md says how.`,
    ...(measures.length === 0 ? [] : ['## Latency, throughput, cost', rowsTable(measures, heads)]),
    ...conflicts(comparison, heads),
    '## Invariants',
    markdownTable(
      ['invariant', ...heads],
      invariantRows(comparison).map(({ name, sides }) => [plain(name), ...sides.map(cell)]),
    ),
    '## Runs',
    builds
      .flatMap(({ letter, side }) =>
        side.runs.map(({ run, seed, verdict }) => {
          return `* [${letter} ${plain(side.build)}, seed ${seed}](<${reportLink(folder, run)}>): ${verdict}`;
        }),
      )
      .join('\n'),
  ]);
}

function conflicts(comparison: Comparison, heads: readonly string[]): string[] {
  const rows = comparedConflicts(comparison).map(({ name, cells }) => [plain(name), ...cells]);
  return rows.length === 0 ? [] : [`## ${CONFLICTS_TITLE}`, markdownTable(['', ...heads], rows)];
}

function rowsTable(rows: readonly ComparisonRow[], heads: readonly string[]): string {
  return markdownTable(
    ['', ...heads],
    rows.map(({ title, lanes }) => [
      plain(title),
      ...heads.map((head) => {
        const lane = lanes.find(({ letter }) => head.startsWith(`${letter} `));
        if (lane === undefined) return '–';
        const { against, said } = lane;
        if (against === null) return said;
        const ratio = against.ratio === '–' ? '' : `, ${against.ratio} (${against.interval})`;
        return `${said}${ratio}; ${comparedText(against).replace('<', '&lt;')}`;
      }),
    ]),
  );
}

function cell(invariant: ComparedInvariant | undefined): string {
  if (!invariant) return 'not judged';
  const { verdict, violations } = invariant;
  return `${GLYPH[verdict]} ${verdict}${verdict === 'fail' ? ` × ${count(violations)}` : ''}`;
}
