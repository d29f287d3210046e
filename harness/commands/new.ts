import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import type { CliCommand } from '../console/command.ts';
import { readInvariants } from '../judge/invariants.ts';
import { UsageError } from '../model/errors.ts';
import { newInvariant, newScenario } from '../new/templates.ts';
import { DRAWN, SCENARIOS } from '../run/catalogue.ts';
import { checkNewFile } from '../run-folder/out.ts';

interface NewFlags {
  readonly kind: string;
  readonly name: string;
  readonly out?: string | undefined;
}

export const newCommand: CliCommand<NewFlags> = {
  builder: (args) =>
    args
      .positional('kind', { type: 'string', demandOption: true, choices: ['invariant', 'scenario'] as const })
      .positional('name', { type: 'string', demandOption: true, describe: 'Small letters, digits and hyphens' })
      .option('out', {
        type: 'string',
        describe: 'The folder; made if missing (default: invariants/ or the current one)',
      }),

  async handler({ kind, name, out }) {
    if (!/^[a-z][a-z0-9-]*$/.test(name)) {
      throw new UsageError(`A name has small letters, digits and hyphens, such as tasks-start-soon, not "${name}".`);
    }
    const shipped =
      kind === 'invariant'
        ? (await readInvariants()).map((invariant) => invariant.name)
        : [...SCENARIOS, ...DRAWN].map((scenario) => scenario.name);
    if (shipped.includes(name)) throw new UsageError(`The ${kind} ${name} ships with windtunnel: choose another name.`);
    const folder = out ?? (kind === 'invariant' ? 'invariants' : '.');
    const { files, say } = kind === 'invariant' ? newInvariant(name, folder) : newScenario(name, folder);
    const taken = files.filter(({ file }) => existsSync(path.join(folder, file)));
    if (taken.length > 0) {
      throw new UsageError(
        taken
          .map(({ file }) => `${path.join(folder, file)} is there already: choose another name or --out, or remove it.`)
          .join('\n'),
      );
    }
    for (const { file } of files) checkNewFile(path.join(folder, file), 'file');
    mkdirSync(folder, { recursive: true });
    for (const { file, text } of files) {
      writeFileSync(path.join(folder, file), text);
      console.log(`wrote ${path.join(folder, file)}`);
    }
    console.log(say);
    return 0;
  },
};
