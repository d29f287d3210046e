import type { Behaviour } from '../behaviour.ts';
import type { Defect } from './defect.ts';
import { skipUnguarded } from './skip-unguarded.ts';

/** Everything that can be switched on, in the order that `windtunnel list` shows. A new one is a file and a line here. */
export const DEFECTS: readonly Defect[] = [skipUnguarded];

/**
 * The defects of a build by their names, each after those that it stands on. Throws an Error with one sentence for
 * everything that is wrong with the names.
 */
export function chosenDefects(names: readonly string[]): readonly Defect[] {
  const chosen = new Map<string, Defect>();
  const problems: string[] = [];
  const choose = (name: string): void => {
    if (chosen.has(name)) return;
    const defect = DEFECTS.find((candidate) => candidate.name === name);
    if (!defect) {
      problems.push(`there is no defect "${name}"`);
      return;
    }
    for (const below of defect.on ?? []) choose(below);
    chosen.set(name, defect);
  };
  for (const name of names) choose(name);
  if (problems.length > 0) throw new Error(problems.join('; '));
  return [...chosen.values()];
}

/** `normal` with the defects switched on, one over the other. */
export function withDefects(normal: Behaviour, defects: readonly Defect[]): Behaviour {
  return defects.reduce<Behaviour>((below, defect) => ({ ...below, ...defect.change(below) }), normal);
}
