import type { KnownResult } from '../../harness/model/known.ts';
import { isBadStatus, knownRows, knownSentence } from '../known.ts';
import { markdownTable, plain } from './document.ts';

/** What is new, and a table of it; of what is as known the sentence is enough. Nothing without known findings. */
export function knownSection(known: KnownResult | undefined): string[] {
  if (known === undefined) return [];
  const rows = knownRows(known).filter(({ one }) => isBadStatus(one.status) || one.status === 'gone');
  const table = markdownTable(
    ['', 'finding', ''],
    rows.map(({ one, what }) => [`**${one.status}**`, plain(what), plain(one.sentence)]),
  );
  return [plain(knownSentence(known)), table];
}
