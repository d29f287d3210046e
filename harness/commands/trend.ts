import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { trendHtml } from '../../reports/html/trend.ts';
import { trendMarkdown } from '../../reports/markdown/trend.ts';
import { trendText } from '../../reports/terminal/trend.ts';
import type { CliCommand } from '../console/command.ts';
import { wantsColor } from '../console/judgement.ts';
import { printJson } from '../console/print.ts';
import { resolveTrend, type TrendFlags, trendOptions } from '../trend/options.ts';

export const trendCommand: CliCommand<TrendFlags> = {
  builder: trendOptions,

  async handler(flags) {
    const { trend, out } = await resolveTrend(flags);
    if (out === undefined) {
      printJson(trend);
      return 0;
    }
    mkdirSync(path.dirname(out), { recursive: true });
    writeFileSync(out, trendHtml(trend));
    writeFileSync(out.replace(/html$/, 'md'), trendMarkdown(trend));
    process.stdout.write(`${trendText(trend, { color: wantsColor() })}\n\n${out}\n`);
    return 0;
  },
};
