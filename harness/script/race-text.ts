import type { RaceFile } from '../director/race-file.ts';

/** A race file as a person would write it. `head`: lines of a comment above it. */
export function raceText(
  { race, title, breaks, stack, dag, max_active_runs, max_active_tasks, script, why_long }: RaceFile,
  head: readonly string[] = [],
): string {
  const lines = [
    ...head.map((line) => `# ${line}`),
    `race: ${scalar(race)}`,
    `title: ${scalar(title)}`,
    `breaks: ${flow(breaks)}`,
    ...(stack === undefined ? [] : [`stack: ${flow(stack)}`]),
    'dag:',
    ...Object.entries(dag).map(([task, spec]) => `  ${scalar(task)}:${spec === null ? '' : ` ${flow(spec)}`}`),
    ...(max_active_runs === undefined ? [] : [`max_active_runs: ${max_active_runs}`]),
    ...(max_active_tasks === undefined ? [] : [`max_active_tasks: ${max_active_tasks}`]),
    'script:',
    ...script.map((line) => `  - ${typeof line === 'string' ? line : scalar(JSON.stringify(line))}`),
    ...(why_long === undefined ? [] : [`why_long: ${scalar(why_long)}`]),
  ];
  return `${lines.join('\n')}\n`;
}

function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (typeof value !== 'object' || value === null)
    return typeof value === 'string' ? scalar(value) : value === null ? '' : String(value);
  const members = Object.entries(value).map(([name, one]) => `${scalar(name)}:${one === null ? '' : ` ${flow(one)}`}`);
  return `{ ${members.join(', ')} }`;
}

/** Quoted where YAML would take it for something else. */
function scalar(text: string): string {
  const isPlain = /^[A-Za-z][\w ./×→’-]*$/.test(text) && !/^(null|true|false|yes|no|on|off)$/i.test(text);
  return isPlain ? text.trim() : `'${text.replaceAll("'", "''")}'`;
}
