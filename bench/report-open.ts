/**
 * How large the report of a stored run is, and how long a browser takes from the click to the drawn page.
 *
 *     npm run bench:report -- RUN...
 *
 * Medians of five openings in Chromium (CHROMIUM_PATH, or chromium on the PATH). A run of millions of operations is
 * made by `npm run bench:judge -- --keep FOLDER`, which judges it, too.
 */
import { statSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { chromium } from 'playwright-core';

const ROUNDS = 5;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
try {
  for (const run of process.argv.slice(2)) {
    const file = path.resolve(run, 'report.html');
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) times.push(await opened(pathToFileURL(file).href));
    const [median = 0] = times.sort((a, b) => a - b).slice(Math.floor(ROUNDS / 2));
    console.log(`${run}: ${(statSync(file).size / 1e6).toFixed(2)} MB, drawn in ${median.toFixed(0)} ms`);
  }
} finally {
  await browser.close();
}

/** Milliseconds from the navigation to the first picture after the charts were drawn. */
async function opened(url: string): Promise<number> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  try {
    await page.goto(url, { waitUntil: 'load' });
    return await page.evaluate<number>(
      'new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()))))',
    );
  } finally {
    await page.close();
  }
}
