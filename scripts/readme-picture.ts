import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { chromium } from 'playwright-core';
import { flagsOf } from './flags.ts';

/**
 * The pictures of the report in README.md, made from a run that was played:
 *
 *     npm run readme-picture -- RUN [--height 1098]
 *
 * writes docs/pictures/report-light.png and report-dark.png: the beginning of the page, as a browser shows it. Needs
 * Chromium (CHROMIUM_PATH, or /usr/bin/chromium). A good RUN has one clear finding, such as
 * `npx windtunnel run seeds --build airflow@3.2.1 --seed 2 --duration 30s`.
 */
const WIDTH = 1_100;

const { values, positionals } = flagsOf({
  options: { height: { type: 'string', default: '1098' } },
  allowPositionals: true,
});
const [run] = positionals;
if (run === undefined) {
  console.error('Give the run folder with the report to show: npm run readme-picture -- RUN');
  process.exit(2);
}

const folder = path.join(import.meta.dirname, '..', 'docs', 'pictures');
mkdirSync(folder, { recursive: true });
const executablePath = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
try {
  for (const colorScheme of ['light', 'dark'] as const) {
    const viewport = { width: WIDTH, height: Number(values.height) };
    const page = await browser.newPage({ viewport, colorScheme, deviceScaleFactor: 1 });
    await page.goto(pathToFileURL(path.resolve(run, 'report.html')).href);
    const file = path.join(folder, `report-${colorScheme}.png`);
    await page.screenshot({ path: file, animations: 'disabled' });
    console.log(path.relative('.', file));
  }
} finally {
  await browser.close();
}
