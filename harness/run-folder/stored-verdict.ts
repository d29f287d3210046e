import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

import type { z } from 'zod';

import { reasonOf, UsageError } from '../model/errors.ts';
import type { Plain } from '../model/schema.ts';
import { kindProblems } from '../model/shape-problems.ts';

/**
 * What of a stored verdict is read, by the part of its schema; undefined without a verdict. UsageError: it is no
 * verdict of this windtunnel.
 */
export async function storedVerdict<Part extends z.ZodType>(
  folder: string,
  part: Part,
): Promise<Plain<Part> | undefined> {
  const file = path.join(folder, 'verdict.json');
  if (!existsSync(file)) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw notReadable(file, folder, reasonOf(error));
  }
  const [problem] = kindProblems(part, parsed, 'it');
  if (problem !== undefined) throw notReadable(file, folder, problem);
  return parsed as Plain<Part>;
}

function notReadable(file: string, folder: string, why: string): UsageError {
  return new UsageError(`${file} is no verdict of this windtunnel (${why}): \`windtunnel check ${folder}\` writes it.`);
}
