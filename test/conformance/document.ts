import { lines } from '../../reports/words.ts';
import { type Comparison, tallyOf } from './compare.ts';
import type { Difference } from './differences/difference.ts';
import { DIFFERENCES } from './differences/index.ts';

/** The document with its generated parts replaced: the numbers, and the list of differences. */
export function withFigures(document: string, comparisons: readonly Comparison[]): string {
  return between(between(document, 'numbers', numbers(comparisons)), 'differences', differences());
}

function between(document: string, name: string, text: string): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`the document has no "${begin}" before "${end}"`);
  return `${document.slice(0, from)}${begin}\n\n${text}\n\n${document.slice(to)}`;
}

function numbers(comparisons: readonly Comparison[]): string {
  const rows = comparisons.map((comparison) => {
    const { dialogues, sequences } = tallyOf(comparison);
    const cells = [dialogues, sequences].map(({ all, agreed, listed }) => `${all} | ${agreed} | ${listed}`);
    return `| ${comparison.release} | ${cells.join(' | ')} | ${DIFFERENCES.filter(of(comparison.release)).length} |`;
  });
  return [
    '| release | dialogues | agree | differ as listed | random sequences | agree | differ as listed | differences |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}

function of(release: string): (difference: Difference) => boolean {
  return ({ releases }) => releases.includes(release);
}

function differences(): string {
  const byReleases = new Map<string, Difference[]>();
  for (const difference of DIFFERENCES) {
    const releases = difference.releases.join(', ');
    byReleases.set(releases, [...(byReleases.get(releases) ?? []), difference]);
  }
  const newestFirst = [...byReleases].sort(([a], [b]) => lastOf(b).localeCompare(lastOf(a)) || b.length - a.length);
  return newestFirst.map(([releases, list]) => [`### ${releases}`, '', ...list.map(item)].join('\n')).join('\n\n');
}

function lastOf(releases: string): string {
  return releases.split(', ').at(-1) ?? '';
}

function item({ airflow, reference, reason, cases }: Difference): string {
  const where = [...new Set(cases.map(({ dialogue, route }) => dialogue ?? route ?? 'any refusal'))];
  const text = `- **Airflow ${airflow}**; the reference stack ${reference}. ${reason} (${where.join('; ')})`;
  return lines(text, 118).join('\n  ');
}
