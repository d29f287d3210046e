import { normalApi } from './api/normal.ts';
import type { Behaviour } from './behaviour.ts';
import { archiveTry } from './database/task-instance.ts';
import { normalScheduler } from './scheduler/normal.ts';

/** Airflow as it should be: what 3.3.2 does, with the questions that it leaves open answered in the safe way. */
export const normal: Behaviour = { ...normalApi, ...normalScheduler, archiveTry };
