import type { NightlyTrend, ScenarioTrend } from '../../harness/model/trend.ts';
import { changesOf, dayOf, nightsSentence, trendAmount, trendCaveats, trendName } from '../trend.ts';
import { count, GLYPH, probability, seconds } from '../words.ts';
import { document, markdownTable, plain } from './document.ts';

/** `trend.md`: the same as the page, for the summary of a CI job. */
export function trendMarkdown(trend: NightlyTrend): string {
  return document([
    '# Trend',
    ...trend.scenarios.flatMap(scenarioBlocks),
    ...(trend.left_out.length === 0 ? [] : ['## Left out', trend.left_out.map((why) => `- ${plain(why)}`).join('\n')]),
  ]);
}

function scenarioBlocks(scenario: ScenarioTrend): string[] {
  const changes = changesOf(scenario);
  return [
    `## ${plain(scenario.scenario)}: ${nightsSentence(scenario)}`,
    ...(changes.length === 0
      ? ['No change of level seen.']
      : [
          markdownTable(
            ['from night', 'what', 'level', 'p', 'changed then'],
            changes.map(({ series, change, day, verb, amounts, beside }) => [
              day,
              `${plain(trendName(series))} ${verb}`,
              plain(amounts),
              probability(change.p_value).replace('<', '&lt;'),
              plain(beside),
            ]),
          ),
        ]),
    ...trendCaveats(scenario).map(plain),
    '### Nights',
    markdownTable(
      ['night', 'build', 'verdict', 'runs that count', 'load', 'changed'],
      scenario.nights.map((night) => [
        dayOf(night),
        plain(night.build),
        `${GLYPH[night.verdict]} ${night.verdict}`,
        `${count(night.valid)} of ${count(night.runs)}`,
        seconds(night.load_s),
        plain(night.changed.join(', ')),
      ]),
    ),
    '### Series',
    markdownTable(
      ['', 'first night', 'last night', 'changes'],
      scenario.series.map((series) => {
        const values = series.values.filter((value) => value !== null);
        const amount = (value: number | undefined) => (value === undefined ? '' : plain(trendAmount(series, value)));
        const changed = series.tested === 'tested' ? count(series.changes.length) : series.tested;
        return [plain(trendName(series)), amount(values[0]), amount(values.at(-1)), changed];
      }),
    ),
  ];
}
