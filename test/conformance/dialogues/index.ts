import type { Dialogue } from '../dialogue.ts';
import { badInputDialogues, versionDialogues } from './bad-input.ts';
import { rtifDialogues, variableDialogues, xcomDialogues } from './data.ts';
import { heartbeatDialogues } from './heartbeat.ts';
import { bulkDialogues, deleteDialogues, markDialogues } from './marks.ts';
import { backfillDialogues, dagDialogues } from './public.ts';
import { queryDialogues } from './queries.ts';
import { clearDialogues, triggerDialogues } from './runs.ts';
import { skipDialogues } from './skip.ts';
import { startDialogues } from './start.ts';
import { stateDialogues } from './state.ts';
import { tokenDialogues } from './tokens.ts';

export const DIALOGUES: readonly Dialogue[] = [
  ...startDialogues,
  ...heartbeatDialogues,
  ...stateDialogues,
  ...skipDialogues,
  ...rtifDialogues,
  ...xcomDialogues,
  ...variableDialogues,
  ...queryDialogues,
  ...tokenDialogues,
  ...versionDialogues,
  ...badInputDialogues,
  ...triggerDialogues,
  ...clearDialogues,
  ...markDialogues,
  ...deleteDialogues,
  ...bulkDialogues,
  ...backfillDialogues,
  ...dagDialogues,
];
