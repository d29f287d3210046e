import { trendHtml } from '../../reports/html/trend.ts';
import { trendMarkdown } from '../../reports/markdown/trend.ts';
import { trendText } from '../../reports/terminal/trend.ts';
import type { CliCommand } from '../console/command.ts';
import { wantsColor } from '../console/judgement.ts';
import { printJson } from '../console/print.ts';
import { writeNewFile } from '../run-folder/out.ts';
import { resolveTrend, type TrendFlags, trendOptions } from '../trend/options.ts';

export const trendCommand: CliCommand<TrendFlags> = {
  builder: trendOptions,

  async handler(flags) {
    const { trend, out } = await resolveTrend(flags);
    if (out === undefined) {
      printJson(trend);
      return 0;
    }
    writeNewFile(out, trendHtml(trend));
    writeNewFile(out.replace(/html$/, 'md'), trendMarkdown(trend));
    process.stdout.write(`${trendText(trend, { color: wantsColor() })}\n\n${out}\n`);
    return 0;
  },
};
