import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

import { UsageError } from '../../model/errors.ts';
import { runTool } from '../../system/run-tool.ts';
import type { VenvRecipe } from './venv.ts';

const PARTS = ['airflow-core', 'task-sdk'];

/** As a build names it; `~` is the home folder. */
export function atPath(name: string): string {
  return path.resolve(name.replace(/^~(?=$|\/)/, homedir()));
}

/** Where the checkout is. UsageError: there is none. */
export function checkoutRoot(folder: string): string {
  const root = atPath(folder);
  if (!existsSync(root))
    throw new UsageError(`${root} is not an Airflow checkout: there is no such folder, nor a lock of that name.`);
  const missing = PARTS.filter((part) => !existsSync(path.join(root, part, 'pyproject.toml')));
  if (missing.length > 0) {
    throw new UsageError(`${root} is not an Airflow checkout: it has no ${missing.join(' and no ')}/pyproject.toml.`);
  }
  return root;
}

/**
 * A source checkout, installed editable: the next run tests what was edited. Its dependencies are today's, as a
 * developer has them. Keyed by place, commit and local changes, because a changed dependency needs another venv.
 */
export async function checkoutRecipe(folder: string, signal: AbortSignal): Promise<VenvRecipe> {
  const root = checkoutRoot(folder);
  const git = (...args: string[]) => runTool('git', ['-C', root, ...args], { timeoutMs: 60_000, signal });
  const [head, changes, files] = await Promise.all([
    git('rev-parse', 'HEAD'),
    git('diff', 'HEAD'),
    git('status', '--porcelain'),
  ]);
  const commit = head.code === 0 ? head.stdout.trim() : 'no-commit';
  const dirty = createHash('sha256')
    .update(changes.stdout + files.stdout)
    .digest('hex')
    .slice(0, 12);
  const today = new Date().toISOString().slice(0, 10);
  return {
    label: `checkout-${commit.slice(0, 10)}`,
    wanted: {
      requirements: [
        ...PARTS.flatMap((part) => ['--editable', path.join(root, part)]),
        'apache-airflow-providers-postgres',
      ],
      asOf: new Date(Date.parse(today) + 86_400_000).toISOString(),
      content: `${root} ${commit} ${dirty}`,
    },
  };
}
