/**
 * The routes of each release that is tested, and who plays them: lists them from the routers of the releases, keeps
 * them in records/routes.json and writes docs/routes.md.
 *
 *     npm run routes
 *     npm run routes -- --kept     writes the page from the kept list: needs no Python
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { flagsOf } from './flags.ts';
import { listRoutes } from './routes/list.ts';
import { entryProblems, KEPT_ROUTES, routesMarkdown } from './routes/page.ts';

const { values } = flagsOf({ options: { kept: { type: 'boolean', default: false } } });
const root = path.join(import.meta.dirname, '..');
const file = path.join(root, 'records', 'routes.json');
const kept = KEPT_ROUTES.parse(JSON.parse(readFileSync(file, 'utf8')));
const listed = values.kept ? kept : await listRoutes(kept.map(({ airflow }) => airflow));
writeFileSync(file, `${JSON.stringify(listed, null, 2)}\n`);
writeFileSync(path.join(root, 'docs', 'routes.md'), routesMarkdown(listed));
for (const problem of entryProblems(listed)) console.error(problem);
