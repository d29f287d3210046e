import { closest, didYouMean } from '../model/closest.ts';

/** What a command says of its flags and of the words without one, as yargs keeps it. */
export interface Declared {
  readonly key: Readonly<Record<string, unknown>>;
  readonly boolean: readonly string[];
  readonly number: readonly string[];
  readonly array: readonly string[];
  readonly choices: Readonly<Record<string, readonly unknown[]>>;
  readonly default: Readonly<Record<string, unknown>>;
}

/** The flags as yargs has read them; `_` are words, of which the first is the command. */
export type ReadFlags = Readonly<Record<string, unknown>> & { readonly _: readonly (string | number)[] };

/** A command as it is listed: `explain <run> [finding]`. */
interface Line {
  readonly signature: string;
  readonly declared: Declared;
  readonly words: readonly string[];
  readonly flags: ReadFlags;
}

interface ReadLine {
  readonly problems: readonly string[];
  readonly flags: ReadFlags;
  /** Whether every word that must be given is there. */
  readonly isComplete: boolean;
}

const NEGATIVE = /^-\d/;

/**
 * SQL such as `-- comment`, and any text with a blank in its first word, is no flag; a blank before it keeps yargs from
 * taking it for one.
 */
export function withoutFalseFlags(words: readonly string[]): string[] {
  return words.map((word) => (/^-[^\s=]*\s/.test(word) ? ` ${word}` : word));
}

/**
 * What is wrong with a command line whatever its values mean, all of it, where yargs would say one thing after the
 * other and ignore a flag without a value. `flags`: the others, with which the rest can be checked, too.
 */
export function readCommandLine(line: Line): ReadLine {
  const { signature, declared, flags } = line;
  const [name = ''] = signature.split(' ');
  const wanted = [...signature.matchAll(/<(\w+)(?:\.\.)?>/g)].map(([, word = '']) => word);
  const named = [...signature.matchAll(/[<[](\w+)(?:\.\.)?[\]>]/g)].map(([, word = '']) => word);
  const known = Object.keys(declared.key).filter((key) => !named.includes(key));
  const given = givenFlags(line.words, known);
  const problems: string[] = [];
  const wrong = new Set<string>();
  for (const [flag, uses] of given) {
    const isKnown = known.includes(flag);
    const isWord = named.includes(flag);
    const problem = isKnown
      ? problemOfKnown(flag, uses, declared)
      : isWord
        ? `${uses[0]?.typed}: ${flag} is given without a flag: \`windtunnel ${signature}\`.`
        : problemOfUnknown(flag, uses, name, known);
    if (problem === undefined) continue;
    problems.push(problem);
    wrong.add(flag);
  }
  // Of many words, `<folders..>`, none is an empty list.
  const lacking = wanted.filter((word) => [flags[word] ?? []].flat().length === 0);
  const form = `\`windtunnel ${signature}\``;
  if (lacking.length > 0) problems.push(`${lacking.map((word) => `<${word}>`).join(' and ')} must be given: ${form}.`);
  for (const word of named.filter((one) => [flags[one]].flat().includes('')))
    problems.push(`<${word}> is empty: ${form}.`);
  for (const word of named.filter((one) => declared.choices[one] !== undefined)) {
    const problem = problemOfChoice(`<${word}>`, flags[word], declared.choices[word] ?? []);
    if (problem !== undefined) problems.push(problem);
  }
  for (const word of flags._.slice(1)) problems.push(`"${word}" is one word too many: ${form}.`);
  const kept = Object.entries(flags).map(([key, value]) => {
    const flag = [...wrong].find((one) => one === key || camelCase(one) === key);
    return [key, flag === undefined ? value : declared.default[flag]] as const;
  });
  return {
    problems,
    flags: { ...Object.fromEntries(kept), _: flags._ },
    isComplete: wanted.every((word) => flags[word]),
  };
}

/** What a word that is no command may have meant. */
export function unknownCommand(word: string, commands: readonly string[]): string {
  return `There is no command "${word}"${didYouMean(word, commands)}: there are ${commands.join(', ')}.`;
}

interface Use {
  /** As it was typed: `--seed`, `-build`. */
  readonly typed: string;
  readonly value: string | undefined;
  /** Written with `=`. */
  readonly joined: boolean;
}

/** The flags of a line by their names, as yargs finds them, each with all its uses. */
function givenFlags(words: readonly string[], known: readonly string[]): Map<string, Use[]> {
  const given = new Map<string, Use[]>();
  for (const [place, word] of words.entries()) {
    if (word === '--') break;
    if (!/^-+[^-]/.test(word) || NEGATIVE.test(word)) continue;
    const [, typed = word, joined] = /^(-[^=]*)(?:=([\s\S]*))?$/.exec(word) ?? [];
    const name = typed.replace(/^-+/, '');
    const flag = known.find((one) => one === name || camelCase(one) === name) ?? name;
    const next = words[place + 1];
    const value = joined ?? (next === undefined || (next.startsWith('-') && !NEGATIVE.test(next)) ? undefined : next);
    given.set(flag, [...(given.get(flag) ?? []), { typed, value, joined: joined !== undefined }]);
  }
  return given;
}

function problemOfKnown(flag: string, uses: readonly Use[], declared: Declared): string | undefined {
  const short = uses.find(({ typed }) => !typed.startsWith('--'));
  if (short) return `${short.typed}: a flag begins with two dashes: --${flag}.`;
  const isBoolean = declared.boolean.includes(flag);
  const [{ value, joined } = { value: undefined, joined: false }] = uses;
  if (isBoolean) {
    return joined && !/^(true|false)$/.test(value ?? '') ? `--${flag} takes no value, such as "${value}".` : undefined;
  }
  if (uses.some((use) => use.value === undefined || use.value.trim() === '')) return `--${flag} needs a value.`;
  if (uses.length > 1 && !declared.array.includes(flag))
    return `--${flag} is given ${uses.length} times: give it once.`;
  if (declared.number.includes(flag) && Number.isNaN(Number(value)))
    return `--${flag} must be a number, not "${value}".`;
  return problemOfChoice(`--${flag}`, value, declared.choices[flag] ?? []);
}

function problemOfUnknown(flag: string, uses: readonly Use[], name: string, known: readonly string[]): string {
  const near = closest(flag, known);
  const hint = near === undefined ? `\`windtunnel ${name} --help\` lists its flags` : `did you mean --${near}?`;
  return `${name} has no flag ${uses[0]?.typed}: ${hint}${near === undefined ? '.' : ''}`;
}

function problemOfChoice(what: string, value: unknown, choices: readonly unknown[]): string | undefined {
  if (value === undefined || choices.length === 0 || choices.includes(value)) return undefined;
  const near = didYouMean(String(value), choices.map(String));
  return `${what} must be one of ${choices.join(', ')}, not "${value}"${near}.`;
}

function camelCase(flag: string): string {
  return flag.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}
