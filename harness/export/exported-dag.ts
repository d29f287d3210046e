import { rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { type Dags, partOf, replaceFile } from '../stacks/dag-folder.ts';

/** The file of one DAG as people get it, in the place of the factory. */
export class ExportedDag implements Dags {
  readonly #file: string;
  readonly #textOf: (revision: number) => string;
  #revision = 1;

  constructor(file: string, textOf: (revision: number) => string) {
    this.#file = file;
    this.#textOf = textOf;
  }

  get files(): readonly string[] {
    return [this.#file, partOf(this.#file)];
  }

  async announce(): Promise<void> {
    await this.publish();
  }

  async publish(): Promise<void> {
    await mkdir(path.dirname(this.#file), { recursive: true });
    await replaceFile(this.#file, (part) => writeFile(part, this.#textOf(this.#revision)));
  }

  async bumpRevision(): Promise<void> {
    this.#revision++;
    await this.publish();
  }

  remove(): void {
    for (const file of this.files) rmSync(file, { force: true });
  }
}
