import type { NightlyTrend } from '../../harness/model/trend.ts';
import { changeSentence, changesOf, nightsSentence, trendCaveats } from '../trend.ts';
import { counted, visible } from '../words.ts';
import { hanging, paintFor, type TextOptions } from './screen.ts';

/** So many changes of a scenario; the page has all. */
const SHOWN = 12;

/** What `windtunnel trend` prints. */
export function trendText(trend: NightlyTrend, options: TextOptions): string {
  const paint = paintFor(options);
  const blocks = trend.scenarios.map((scenario) => {
    const changes = changesOf(scenario);
    const hidden = changes.length - SHOWN;
    return [
      paint.bold(visible(`${scenario.scenario}: ${nightsSentence(scenario)}`)),
      ...changes.slice(0, SHOWN).flatMap((change) => hanging('  ~ ', changeSentence(change))),
      ...(hidden > 0 ? [`  and ${counted(hidden, 'earlier change')}`] : []),
      ...(changes.length === 0 ? ['  no change of level seen'] : []),
      ...trendCaveats(scenario).flatMap((caveat) => hanging('  ! ', caveat)),
    ].join('\n');
  });
  const left = trend.left_out.flatMap((why) => hanging('! left out: ', why));
  return [...blocks, ...(left.length > 0 ? [left.join('\n')] : [])].join('\n\n');
}
