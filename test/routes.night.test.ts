import { readFileSync } from 'node:fs';

import { expect, test, vi } from 'vitest';

import { listRoutes } from '../scripts/routes/list.ts';
import { KEPT_ROUTES } from '../scripts/routes/page.ts';
import { whyNoAirflow } from './airflow.ts';

vi.setConfig({ testTimeout: 1_800_000 });

const why = await whyNoAirflow();

test.skipIf(why !== undefined)('each release has the routes that are kept of it: npm run routes', async () => {
  const file = new URL('../records/routes.json', import.meta.url);
  const kept = KEPT_ROUTES.parse(JSON.parse(readFileSync(file, 'utf8')));
  expect(await listRoutes(kept.map(({ airflow }) => airflow))).toEqual(kept);
});
