import { createHash } from 'node:crypto';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';

import { UsageError } from '../../model/errors.ts';
import { runTool } from '../../system/run-tool.ts';
import { dependenciesDate, type Resolver } from './releases.ts';
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
    throw new UsageError(
      `${root} is not an Airflow checkout: there is no such folder, nor a wheel or a lock of that name.`,
    );
  const missing = PARTS.filter((part) => !existsSync(path.join(root, part, 'pyproject.toml')));
  if (missing.length > 0) {
    throw new UsageError(`${root} is not an Airflow checkout: it has no ${missing.join(' and no ')}/pyproject.toml.`);
  }
  return root;
}

/**
 * A source checkout, installed editable: the next run tests what was edited. The members of its workspace are taken
 * from it; a tree without one, such as the source distributions of a release beside each other, needs the package index
 * for all but its two parts. Keyed by place, commit and local changes, because a changed dependency needs another venv.
 */
export async function checkoutRecipe(folder: string, resolver: Resolver): Promise<VenvRecipe> {
  const root = checkoutRoot(folder);
  const { commit, changes } = (await gitState(root, resolver.signal)) ?? {
    commit: 'no-commit',
    changes: await fileState(root),
  };
  return {
    label: `checkout-${commit.slice(0, 10)}`,
    wanted: {
      requirements: [
        ...PARTS.flatMap((part) => ['--editable', path.join(root, part)]),
        'apache-airflow-providers-postgres',
      ],
      asOf: await dependenciesDate(versionOf(root), resolver),
      content: `${root} ${commit} ${createHash('sha256').update(changes).digest('hex').slice(0, 12)}`,
      options: isWorkspace(root) ? [] : ['--no-sources'],
    },
  };
}

/** Undefined: the folder is not the root of a git repository. */
async function gitState(root: string, signal: AbortSignal): Promise<{ commit: string; changes: string } | undefined> {
  const git = (...args: string[]) => runTool('git', ['-C', root, ...args], { timeoutMs: 60_000, signal });
  const [top, head, changes, files] = await Promise.all([
    git('rev-parse', '--show-toplevel'),
    git('rev-parse', 'HEAD'),
    git('diff', 'HEAD'),
    git('status', '--porcelain'),
  ]);
  if (head.code !== 0 || top.stdout.trim() !== realpathSync(root)) return undefined;
  return { commit: head.stdout.trim(), changes: changes.stdout + files.stdout };
}

/** What changes when a file of the two parts does. */
async function fileState(root: string): Promise<string> {
  const files = (
    await Promise.all(
      PARTS.map(async (part) =>
        readdir(path.join(root, part), { recursive: true }).then((names) =>
          names.filter((name) => /\.(py|toml)$/.test(name)).map((name) => path.join(part, name)),
        ),
      ),
    )
  ).flat();
  const lines = files.sort().map(async (file) => {
    const { size, mtimeMs } = await stat(path.join(root, file));
    return `${file} ${size} ${mtimeMs}`;
  });
  return (await Promise.all(lines)).join('\n');
}

function isWorkspace(root: string): boolean {
  return /^\[tool\.uv\.workspace\]/m.test(textOf(path.join(root, 'pyproject.toml')));
}

/** As its package says it: `3.4.0`; undefined where it says it otherwise. */
function versionOf(root: string): string | undefined {
  const text = textOf(path.join(root, 'airflow-core', 'src', 'airflow', '__init__.py'));
  return /^__version__ = ["']([\w.+-]+)["']/m.exec(text)?.[1];
}

function textOf(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}
