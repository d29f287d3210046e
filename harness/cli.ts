import yargs, { type Argv, type CommandModule } from 'yargs';

import { visibleLines } from '../reports/words.ts';
import { type AnyCliCommand, exitCodeOfError, textOfError } from './console/command.ts';
import {
  type Declared,
  type ReadFlags,
  readCommandLine,
  unknownCommand,
  withoutFalseFlags,
} from './console/command-line.ts';
import { UsageError } from './model/errors.ts';
import { windtunnelVersion } from './system/installation.ts';

export { endOnCrash } from './console/crash.ts';

/** Where the program writes: the process itself, or what a test gives. */
export interface Io {
  readonly stdout: NodeJS.WritableStream & { readonly columns?: number };
  readonly stderr: NodeJS.WritableStream;
}

/**
 * A name with its arguments, a line of help, and the file with the rest, which is loaded when the command is called.
 */
type Listed = readonly [command: string, describe: string, load: () => Promise<AnyCliCommand>];

const COMMANDS: readonly Listed[] = [
  [
    'run <scenario>',
    'Run a scenario against a build or a running stack, and judge it',
    async () => (await import('./commands/run.ts')).runCommand,
  ],
  [
    'compare [builds..]',
    'Run the same plans on two or more builds (or take stored runs) and say what differs from the first',
    async () => (await import('./commands/compare.ts')).compareCommand,
  ],
  [
    'upgrade [scenario]',
    'Run load on a build, migrate its database, and continue the same DAG runs on another build',
    async () => (await import('./commands/upgrade.ts')).upgradeCommand,
  ],
  [
    'soak [scenario]',
    'Run a scenario for hours in windows, each judged while the next one runs; --resume continues after a crash',
    async () => (await import('./commands/soak.ts')).soakCommand,
  ],
  [
    'replay [files..]',
    'Play races step by step from their files, so often, and say which of them the build has',
    async () => (await import('./commands/replay.ts')).replayCommand,
  ],
  [
    'script <run> <finding>',
    'Make the file of a race from a finding of a traced run: play what may have been its order, and keep what breaks',
    async () => (await import('./commands/script.ts')).scriptCommand,
  ],
  [
    'calibrate',
    'Measure how often each defect of the reference stack is found, and how often a clean stack fails',
    async () => (await import('./commands/calibrate.ts')).calibrateCommand,
  ],
  [
    'check [runs..]',
    'Judge stored run folders again, or test an invariant; needs no stack',
    async () => (await import('./commands/check.ts')).checkCommand,
  ],
  [
    'explain <run> [finding]',
    'What broke in a stored run, grouped by cause: all findings, or everything about one',
    async () => (await import('./commands/explain.ts')).explainCommand,
  ],
  [
    'export <run> [finding]',
    "A finding for others: a report under the headings of Airflow's bug form, or a test for Airflow",
    async () => (await import('./commands/export.ts')).exportCommand,
  ],
  [
    'report <run>',
    'Write the reports of a stored run folder again and print their paths, or print one of them',
    async () => (await import('./commands/report.ts')).reportCommand,
  ],
  [
    'query <run> <sql>',
    'Query a stored run in SQL (DuckDB); the tables are in docs/run-folder.md',
    async () => (await import('./commands/query.ts')).queryCommand,
  ],
  [
    'known [runs..]',
    'Write down what stored runs found, so that with --known only what is new or worse is a failure',
    async () => (await import('./commands/known.ts')).knownCommand,
  ],
  [
    'trend <folders..>',
    'Night by night what soaks and runs found and measured, and where its level changed, as a page',
    async () => (await import('./commands/trend.ts')).trendCommand,
  ],
  [
    'up <build>',
    'Keep a stack running until Ctrl-C or `down`, and write its target file',
    async () => (await import('./commands/up.ts')).upCommand,
  ],
  ['down', 'End the stacks that `up` keeps running', async () => (await import('./commands/down.ts')).downCommand],
  [
    'list',
    'Scenarios, builds, faults, invariants and defects: what there is',
    async () => (await import('./commands/list.ts')).listCommand,
  ],
  [
    'new <kind> <name>',
    'Write an invariant with its test, or a scenario, that works at once',
    async () => (await import('./commands/new.ts')).newCommand,
  ],
  [
    'doctor',
    'What this machine has and lacks, with the command that installs it',
    async () => (await import('./commands/doctor.ts')).doctorCommand,
  ],
  [
    'heal',
    'Remove what a killed run left: processes, temporary folders, and what is in the database of a target',
    async () => (await import('./commands/heal.ts')).healCommand,
  ],
];

/** The whole program, but for the process: resolves to its exit code. `argv`: what follows `windtunnel`. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  const words = withoutFalseFlags(argv);
  // What yargs finds; it says only one thing at a time.
  const refused: string[] = [];
  try {
    let called: Called | undefined;
    let isHelp = false;
    const program = yargs()
      .scriptName('windtunnel')
      .usage('$0 <command>\n\nPlays workers and operators against a running Apache Airflow and checks its invariants.')
      .parserConfiguration({
        'boolean-negation': false,
        'dot-notation': false,
        'greedy-arrays': false,
        'short-option-groups': false,
      })
      .alias('help', 'h')
      .command(
        yargsCommands((one) => {
          called = one;
        }),
      )
      .version(windtunnelVersion())
      .strict()
      .wrap(Math.min(110, io.stdout.columns ?? 110))
      .epilogue(
        'exit: 0 pass · 1 fail · 2 usage · 3 unknown · 4 the stack failed · 70 windtunnel failed · 130 interrupted',
      )
      .exitProcess(false)
      .fail((message, error) => {
        if (error) throw error;
        refused.push(message);
      });
    await program.parseAsync(words, {}, (_error, _flags, help) => {
      isHelp = help !== '';
      if (isHelp) io.stdout.write(`${help}\n`);
    });
    if (isHelp) return 0;
    if (!called) throw noCommand(words);
    return await callCommand(called, words, refused);
  } catch (error) {
    io.stderr.write(`${visibleLines(textOfError(error))}\n`);
    return exitCodeOfError(error);
  }
}

/** A command that was called, and what it was given. */
export interface Called {
  readonly signature: string;
  readonly command: AnyCliCommand;
  readonly declared: Declared;
  readonly flags: ReadFlags;
}

/** A line that is wrong is refused with all that is wrong with it: first its words, then what they mean. */
async function callCommand(
  { signature, command, declared, flags }: Called,
  words: readonly string[],
  refused: readonly string[],
): Promise<number> {
  const line = readCommandLine({ signature, declared, words, flags });
  const problems = line.problems.length > 0 ? line.problems : refused.map((message) => `${message}.`);
  if (problems.length === 0) return command.handler(flags as never);
  const checked = line.isComplete ? command.check?.(line.flags as never) : undefined;
  const meant = await checked?.catch((error: unknown) => error);
  const more = meant instanceof UsageError ? [meant.message] : [];
  throw new UsageError(
    [...problems, ...more, `\`windtunnel ${signature.split(' ')[0]} --help\` says more.`].join('\n'),
  );
}

/** The commands as yargs takes them; `onCalled` gets the one that is called. */
export function yargsCommands(onCalled: (called: Called) => void): CommandModule[] {
  return COMMANDS.map(([signature, describe, load]) => {
    let declared: Declared | undefined;
    return {
      command: signature,
      describe,
      builder: async (args: Argv) => {
        const built = (await load()).builder(args) as Argv & { getOptions(): Declared };
        declared = built.getOptions();
        return built;
      },
      handler: async (flags) => {
        if (declared) onCalled({ signature, command: await load(), declared, flags: flags as ReadFlags });
      },
    };
  });
}

function noCommand(words: readonly string[]): UsageError {
  const [word] = words;
  const names = COMMANDS.map(([signature]) => signature.split(' ')[0] ?? '');
  const isNamed = word !== undefined && !word.startsWith('-');
  const problem = isNamed ? unknownCommand(word, names) : `Name a command first: ${names.join(', ')}.`;
  return new UsageError(`${problem}\n\`windtunnel --help\` says more.`);
}
