import { readFileSync } from 'node:fs';

import { parseDocument, stringify } from 'yaml';

import { reasonOf, UsageError } from '../model/errors.ts';
import { isRecord } from '../model/json.ts';
import { KNOWN_FILE, KNOWN_FORMAT, type KnownEntry, type KnownFile, type KnownSource } from '../model/known.ts';
import { shapeProblems } from '../model/shape-problems.ts';
import type { KnownBaseline } from './against.ts';
import { coversBuild, problemOfBuilds, testedBuild } from './builds.ts';
import { expiresAfter, isSameMark } from './observation.ts';

/** Of problems of one file. */
const SAID = 30;

/** A file of known findings. UsageError: it is none, with all that is wrong with it. */
export function readKnown(path: string): KnownBaseline {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`The known findings ${path} cannot be read: ${reasonOf(error)}.`, { cause: error });
  }
  return { path, text, file: parseKnown(path, text) };
}

export function parseKnown(path: string, text: string): KnownFile {
  // A date stays a text, and no entry can stand for many others.
  const document = parseDocument(text, { schema: 'core', maxAliasCount: 0 } as never);
  const [wrong] = document.errors;
  if (wrong) throw new UsageError(`${path} is no YAML: ${wrong.message.split('\n')[0]}`);
  const parsed = plainOf(path, () => document.toJS({ maxAliasCount: 0 }));
  if (!isRecord(parsed) || typeof parsed.format !== 'number') {
    throw new UsageError(
      `${path} holds no known findings (it states no format): \`windtunnel known\` writes such a file.`,
    );
  }
  if (parsed.format !== KNOWN_FORMAT) {
    throw new UsageError(
      `${path} is of format ${parsed.format}, and this windtunnel reads format ${KNOWN_FORMAT}: use a newer one.`,
    );
  }
  const shape = shapeProblems(KNOWN_FILE, parsed, 'it');
  const problems = shape.length > 0 ? shape : meaningProblems(parsed as unknown as KnownFile);
  if (problems.length === 0) return parsed as unknown as KnownFile;
  const shown = problems.slice(0, SAID).map((problem) => `  - ${problem}`);
  const more = problems.length > SAID ? [`  and ${problems.length - SAID} more`] : [];
  const said = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
  throw new UsageError([`${path} has ${said}:`, ...shown, ...more].join('\n'));
}

function plainOf(path: string, read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    throw new UsageError(`${path} is no YAML that can be used: ${reasonOf(error)}.`, { cause: error });
  }
}

/** What no schema says: entries that contradict themselves or each other. */
function meaningProblems({ findings }: KnownFile): string[] {
  return findings.flatMap((entry, place) => {
    const at = `findings.${place}`;
    const other = findings.findIndex((one) =>
      one.marks.some((mark) => entry.marks.some((own) => isSameMark(mark, own))),
    );
    return [
      ...entry.builds.flatMap((word, index) => {
        const problem = problemOfBuilds(word);
        return problem === undefined ? [] : [`${at}.builds.${index}: ${problem}`];
      }),
      ...(entry.since > entry.last_seen ? [`${at}.since: is after last_seen`] : []),
      ...(other < place ? [`${at}.marks: has a mark that entry ${other} has, too: join the two`] : []),
    ];
  });
}

const HEAD = `# Known findings: what these builds are expected to do. With --known FILE only what is new, or occurs at a
# higher rate than here, is a failure. Written by \`windtunnel known\`; people give names, notes and ranges of builds.
# docs/known.md
`;

/** In one order, one finding a block, so that a diff shows what changed. */
export function knownText({ format, expires_after, findings, sources }: KnownFile): string {
  const runs = sources.reduce((sum, source) => sum + source.runs, 0);
  return `${HEAD}format: ${format}
# Nights that exercise a finding and in which it does not occur, after which it is gone.
expires_after: ${expires_after}

findings:${findings.length === 0 ? ' []' : ''}
${findings.map((entry) => block(entry, { sources, expires_after })).join('\n')}
# ${runs} runs in all.
sources:${sources.length === 0 ? ' []' : ''}
${sources.map((source) => `  - ${flow(source)}\n`).join('')}`;
}

function block(entry: KnownEntry, { sources, expires_after }: Pick<KnownFile, 'sources' | 'expires_after'>): string {
  const { fingerprint, title, name, note, builds, since, last_seen, runs, marks, highest, absent } = entry;
  const of = sources
    .filter(({ build }) => coversBuild(builds, testedBuild(build, {})))
    .reduce((sum, source) => sum + source.runs, 0);
  const after = expiresAfter(entry, { expires_after } as KnownFile);
  const lines = [
    `fingerprint: ${flow(fingerprint)}`,
    `title: ${flow(title)}`,
    `name: ${flow(name)}`,
    ...(note === undefined ? [] : [`note: ${flow(note)}`]),
    `builds: ${flow(builds)}`,
    `since: ${flow(since)}`,
    `last_seen: ${flow(last_seen)}`,
    `runs: ${runs} # of ${Math.max(of, runs)}`,
    'marks:',
    ...marks.map((mark) => `  - ${flow(mark)}`),
    `highest:${highest.length === 0 ? ' []' : ''}`,
    ...highest.map((one) => `  - ${flow(one)} # ${perMinute(one)}/min`),
    `absent: ${flow(absent)}${absent.length === 0 ? '' : ` # ${absent.length} of ${after} nights`}`,
    ...(entry.expires_after === undefined ? [] : [`expires_after: ${entry.expires_after}`]),
  ];
  return `${lines.map((line, index) => `${index === 0 ? '  - ' : '    '}${line}\n`).join('')}`;
}

function perMinute({ occurrences, load_s }: KnownEntry['highest'][number]): string {
  return String(Number(((occurrences * 60) / load_s).toPrecision(3)));
}

/** On one line. */
function flow(value: string | null | readonly string[] | object): string {
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0, schema: 'core', singleQuote: false }).trim();
}

/** The order of `sources`. */
export function bySource(a: KnownSource, b: KnownSource): number {
  return a.night.localeCompare(b.night) || a.id.localeCompare(b.id);
}
