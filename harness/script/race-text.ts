import { Document, isMap } from 'yaml';

import type { RaceFile } from '../director/race-file.ts';

/** A race file as a person would write it. `head`: lines of a comment above it. */
export function raceText(
  { race, title, breaks, stack, dag, max_active_runs, max_active_tasks, script, why_long }: RaceFile,
  head: readonly string[] = [],
): string {
  const text = new Document(
    { race, title, breaks, stack, dag, max_active_runs, max_active_tasks, script, why_long },
    { keepUndefined: false },
  );
  text.commentBefore = head.map((line) => ` ${line}`).join('\n') || null;
  for (const key of ['breaks', 'stack']) onOneLine(text.get(key));
  for (const task of Object.keys(dag)) onOneLine(text.getIn(['dag', task]));
  return text.toString({ lineWidth: 0, nullStr: '', singleQuote: true, flowCollectionPadding: true });
}

function onOneLine(node: unknown): void {
  if (isMap(node)) node.flow = true;
}
