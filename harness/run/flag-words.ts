/** Flags by their names on a command line, in the order in which they are shown; undefined: not given. */
export type GivenFlags = Readonly<Record<string, unknown>>;

/** `--seed`, `--faults`: those that were given. */
export function flagNames(flags: GivenFlags): string[] {
  return Object.entries(flags).flatMap(([flag, value]) => (value === undefined ? [] : [`--${flag}`]));
}

/** `--seed`, `7`, `--trace`: those that were given, each with its value unless it is a switch. */
export function flagWords(flags: GivenFlags): string[] {
  return Object.entries(flags).flatMap(([flag, value]) => {
    if (value === undefined || value === false) return [];
    return value === true ? [`--${flag}`] : [`--${flag}`, String(value)];
  });
}
