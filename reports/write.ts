import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';

import type { Calibration } from '../harness/model/calibration.ts';
import type { Comparison } from '../harness/model/comparison.ts';
import type { Manifest } from '../harness/model/manifest.ts';
import type { Judgement } from '../harness/model/verdict.ts';
import { fileMode } from '../harness/run-folder/files.ts';
import { comparisonHtml } from './html/comparison.ts';
import { reportHtml } from './html/report.ts';
import { reportJunit } from './junit.ts';
import { comparisonMarkdown } from './markdown/comparison.ts';
import { reportMarkdown } from './markdown/report.ts';
import { jsonText } from './words.ts';

interface Document {
  readonly file: string;
  readonly write: (judgement: Judgement, manifest: Manifest) => string;
}

const VERDICT: Document = { file: 'verdict.json', write: json };

/** Everything that people and CI read of a run, beside its record, by the name that `report --format` has for it. */
export const DOCUMENTS: Readonly<Record<string, Document>> = {
  html: { file: 'report.html', write: reportHtml },
  markdown: { file: 'report.md', write: reportMarkdown },
  json: VERDICT,
  junit: { file: 'junit.xml', write: reportJunit },
};

/** The verdict first: a page that cannot be written does not keep it from the disk. */
export async function writeReports(runFolder: string, judgement: Judgement, manifest: Manifest): Promise<void> {
  for (const { file, write } of new Set([VERDICT, ...Object.values(DOCUMENTS)])) {
    await writeWhole(path.join(runFolder, file), write(judgement, manifest), fileMode(runFolder));
  }
}

/** What `compare` found, in the folder that holds its runs or beside them. */
export async function writeComparison(folder: string, comparison: Comparison): Promise<void> {
  await writeWhole(path.join(folder, 'compare.json'), json(comparison));
  await writeWhole(path.join(folder, 'compare.md'), comparisonMarkdown(comparison, folder));
  await writeWhole(path.join(folder, 'compare.html'), comparisonHtml(comparison, folder));
}

/** A line a run: a thousand of them stay small enough to be kept under version control, and to be read in a diff. */
export async function writeCalibration(file: string, { runs, ...figures }: Calibration): Promise<void> {
  const head = JSON.stringify(figures, null, 2).replace(/\n}$/, '');
  const text = `${head},\n  "runs": [${runs.map((run) => `\n    ${JSON.stringify(run)}`).join(',')}\n  ]\n}\n`;
  await writeWhole(file, text);
}

function json(value: unknown): string {
  return `${jsonText(value)}\n`;
}

/** A reader, or a `check` that runs twice at once, sees the old file or the new one, never half of one. */
async function writeWhole(file: string, text: string, mode = 0o666): Promise<void> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  await mkdir(path.dirname(file), { recursive: true });
  try {
    const handle = await open(temporary, 'wx', mode);
    try {
      await handle.writeFile(text);
      // Before the rename: a crash of the machine must not leave an empty file under the final name.
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
