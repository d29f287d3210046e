import type { Soak, SoakWindow } from '../../harness/model/soak.ts';
import { CONFLICTS_TITLE, soakConflicts } from '../conflicts.ts';
import { brokenOf, brokenTotals, driftAmount, gapSentence, isBad, size, soakSentence, soakTitle } from '../soak.ts';
import { count, GLYPH, probability } from '../words.ts';
import { document, markdownTable, plain } from './document.ts';
import { knownSection } from './known.ts';

/** So many windows without a violation are shown; those with one are all. */
const SHOWN = 30;

/** `soak.md`: for the summary of a CI job, and to be read while it lasts. */
export function soakMarkdown(soak: Soak): string {
  const broken = brokenTotals(soak);
  const shown = soak.windows.filter((window, i) => isBad(window) || i >= soak.windows.length - SHOWN);
  return document([
    `# ${soak.verdict}: ${plain(soakTitle(soak))}`,
    plain(soakSentence(soak)),
    ...knownSection(soak.known),
    ...soak.gaps.map((gap) => plain(gapSentence(gap))),
    ...(broken.length === 0
      ? []
      : [
          '## Violated',
          markdownTable(
            ['invariant or threshold', 'where'],
            broken.map((row) => row.map(plain)),
          ),
        ]),
    '## Windows',
    markdownTable(
      ['window', 'verdict', 'requests', 'deadlocks', 'violated or in doubt', 'on disk'],
      shown.map((window) => [
        `${window.number}${window.attempt > 1 ? `, attempt ${window.attempt}` : ''}`,
        window.judged === null
          ? (window.ended ?? 'under way')
          : `${GLYPH[window.judged.verdict]} ${window.judged.verdict}`,
        count(window.judged?.counts.operations ?? 0),
        count(window.judged?.counts.deadlocks ?? 0),
        plain([...brokenOf(window), ...(window.judged?.doubts ?? [])].join('; ')),
        `${size(window.bytes)}${window.whole ? '' : ', summary'}`,
      ]),
    ),
    ...conflictSection(soak, shown),
    '## Drift',
    ...driftSection(soak),
    'Mann and Kendall’s test, Theil and Sen’s slope, without the warm-up of each session; p after Holm’s correction.',
  ]);
}

function conflictSection(soak: Soak, shown: readonly SoakWindow[]): string[] {
  const found = soakConflicts(soak, shown);
  if (found === null) return [];
  return [
    `## ${CONFLICTS_TITLE}`,
    markdownTable(
      found.head.map(plain),
      found.rows.map((row) => row.map(plain)),
    ),
  ];
}

/** What drifts and, of the harness, what does not: that it does not is what its numbers stand on. */
function driftSection({ drift }: Soak): string[] {
  const shown = drift.filter(
    ({ trend, metric }) => trend === 'rises' || trend === 'falls' || /^harness\./.test(metric),
  );
  const quiet = drift.filter((one) => !shown.includes(one));
  const rows = shown.map(({ metric, windows, per_hour, change, p_value, trend }) => [
    plain(metric),
    count(windows),
    per_hour === null ? '' : driftAmount(metric, per_hour),
    change === null ? '' : `${(change * 100).toFixed(1)} %`,
    p_value === null ? '' : probability(p_value).replace('<', '&lt;'),
    trend,
  ]);
  const head = ['metric', 'windows', 'an hour', 'over the soak', 'p', ''];
  return [
    ...(rows.length === 0 ? [] : [markdownTable(head, rows)]),
    quiet.length === 0
      ? ''
      : `No trend seen, or too few windows: ${plain(quiet.map(({ metric }) => metric).join(', '))}.`,
  ].filter((text) => text !== '');
}
