import { chosenDefects, withDefects } from './defects/index.ts';
import { log } from './log.ts';
import { normal } from './normal.ts';
import { settingsFrom } from './settings.ts';

/** One process of the reference stack. The role is its only argument; all else is in its environment. */
const ROLES = {
  migrate: async () => (await import('./database/migrate.ts')).runMigration,
  'api-execution': async () => (await import('./api/server.ts')).runExecutionApi,
  'api-core': async () => (await import('./api/server.ts')).runPublicApi,
  scheduler: async () => (await import('./scheduler/scheduler.ts')).runScheduler,
  'dag-processor': async () => (await import('./dags/dag-processor.ts')).runDagProcessor,
  triggerer: async () => (await import('./triggerer.ts')).runTriggerer,
} as const;

const role = process.argv[2] ?? '';
if (!(role in ROLES)) throw new Error(`no such role: "${role}"; there are ${Object.keys(ROLES).join(', ')}`);
const settings = settingsFrom(process.env);
const behaviour = withDefects(normal, chosenDefects(settings.defects));
const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
try {
  const run = await ROLES[role as keyof typeof ROLES]();
  await run({ settings, behaviour, signal: stop.signal });
} catch (error) {
  if (!stop.signal.aborted) {
    log('critical', `${settings.process} ends: ${error instanceof Error ? (error.stack ?? error.message) : error}`);
    process.exitCode = 1;
  }
}
