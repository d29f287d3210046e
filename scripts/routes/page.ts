import { z } from 'zod';

/** What `list-routes.py` says of a release. A route is a method and a path, such as `GET /health`. */
const LISTED = z.strictObject({
  airflow: z.string(),
  /** The version of the Execution API, a date. */
  execution_api: z.string(),
  execution: z.array(z.string()),
  public: z.array(z.string()),
});

/** records/routes.json: the releases in their order. */
export const KEPT_ROUTES = z.array(LISTED);
export type ReleaseRoutes = z.infer<typeof LISTED>;

export function parseListed(stdout: string): ReleaseRoutes {
  const line = stdout.split('\n').find((one) => one.startsWith('ROUTES '));
  if (line === undefined) throw new Error(`no routes were listed: ${stdout.slice(-500)}`);
  return LISTED.parse(JSON.parse(line.slice('ROUTES '.length)));
}

export type Player = 'life' | 'operator' | 'conformance';

const TI = '/task-instances/{task_instance_id}';
const XCOM = '/xcoms/{dag_id}/{run_id}/{task_id}/{key:path}';
const RUN = '/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}';

/** Who sends it. A real worker (`--real-workers`) sends what its task needs, whatever stands here. */
const PLAYED: Readonly<Record<Player, readonly string[]>> = {
  life: [
    `PATCH ${TI}/run`,
    `PUT ${TI}/heartbeat`,
    `PATCH ${TI}/state`,
    `PUT ${TI}/rtif`,
    `PATCH ${TI}/skip-downstream`,
    `PATCH ${TI}/rendered-map-index`,
    `GET ${TI}/validate-inlets-and-outlets`,
    'GET /task-reschedules/{task_instance_id}/start_date',
    'POST /dag-runs/{dag_id}/{run_id}',
    `GET ${XCOM}`,
    `POST ${XCOM}`,
    `DELETE ${XCOM}`,
  ],
  operator: [
    'POST /api/v2/backfills',
    'POST /api/v2/dags/{dag_id}/dagRuns',
    'POST /api/v2/dags/{dag_id}/clearTaskInstances',
    `PATCH ${RUN}/taskInstances/{task_id}`,
    `PATCH ${RUN}/taskInstances/{task_id}/{map_index}`,
    `PATCH ${RUN}/taskInstances`,
    `PATCH ${RUN}`,
    `DELETE ${RUN}`,
    'PATCH /api/v2/dags/{dag_id}',
    'PATCH /api/v2/pools/{pool_name:path}',
    'GET /api/v2/assets',
    'POST /api/v2/assets/events',
    'POST /api/v2/pools',
  ],
  conformance: [
    'GET /health',
    `PATCH ${TI}/run`,
    `PUT ${TI}/heartbeat`,
    `PATCH ${TI}/state`,
    `PUT ${TI}/rtif`,
    `PATCH ${TI}/skip-downstream`,
    `PATCH ${TI}/rendered-map-index`,
    `GET ${TI}/previous-successful-dagrun`,
    `GET ${TI}/validate-inlets-and-outlets`,
    'GET /task-instances/count',
    'GET /task-instances/states',
    'GET /task-reschedules/{task_instance_id}/start_date',
    'GET /connections/{connection_id}',
    'GET /connections/{connection_id:path}',
    'GET /variables/{variable_key:path}',
    'PUT /variables/{variable_key:path}',
    'DELETE /variables/{variable_key:path}',
    `GET ${XCOM}`,
    `HEAD ${XCOM}`,
    `POST ${XCOM}`,
    `DELETE ${XCOM}`,
    'GET /api/v2/backfills',
    'POST /api/v2/backfills',
    'POST /api/v2/backfills/dry_run',
    'GET /api/v2/backfills/{backfill_id}',
    'PUT /api/v2/backfills/{backfill_id}/cancel',
    'PUT /api/v2/backfills/{backfill_id}/pause',
    'PUT /api/v2/backfills/{backfill_id}/unpause',
    'POST /api/v2/dags/{dag_id}/dagRuns',
    'POST /api/v2/dags/{dag_id}/clearTaskInstances',
    `POST ${RUN}/clear`,
    `PATCH ${RUN}/taskInstances/{task_id}`,
    `PATCH ${RUN}/taskInstances`,
    `PATCH ${RUN}`,
    `DELETE ${RUN}`,
    'PATCH /api/v2/dags/{dag_id}',
    'GET /api/v2/monitor/health',
    'GET /api/v2/version',
  ],
};

/** All others that the releases have, by their paths: no one sends them. */
const UNPLAYED: readonly string[] = [
  'GET /asset-events/by-asset',
  'GET /asset-events/by-asset-alias',
  'GET /assets/by-alias',
  'GET /assets/by-name',
  'GET /assets/by-uri',
  'PATCH /callbacks/{callback_id}/run',
  'PATCH /connection-tests/{connection_test_id}',
  'GET /connection-tests/{connection_test_id}/connection',
  'GET /dag-runs/count',
  'GET /dag-runs/previous',
  'GET /dag-runs/{dag_id}/previous',
  'GET /dag-runs/{dag_id}/{run_id}',
  'POST /dag-runs/{dag_id}/{run_id}/clear',
  'GET /dag-runs/{dag_id}/{run_id}/state',
  'GET /dags/{dag_id}',
  'GET /health/ping',
  'GET /hitlDetails/{task_instance_id}',
  'PATCH /hitlDetails/{task_instance_id}',
  'POST /hitlDetails/{task_instance_id}',
  'DELETE /store/asset/by-name/clear',
  'DELETE /store/asset/by-name/value',
  'GET /store/asset/by-name/value',
  'PUT /store/asset/by-name/value',
  'DELETE /store/asset/by-uri/clear',
  'DELETE /store/asset/by-uri/value',
  'GET /store/asset/by-uri/value',
  'PUT /store/asset/by-uri/value',
  'DELETE /store/ti/{task_instance_id}',
  'DELETE /store/ti/{task_instance_id}/{key:path}',
  'GET /store/ti/{task_instance_id}/{key:path}',
  'PUT /store/ti/{task_instance_id}/{key:path}',
  'GET /task-instances/breadcrumbs',
  'GET /task-instances/previous/{dag_id}/{task_id}',
  `PATCH ${TI}/dag-run-note`,
  'GET /variables/keys',
  `GET ${XCOM}/item/{offset}`,
  `GET ${XCOM}/slice`,
  'GET /api/v2/assets/aliases',
  'GET /api/v2/assets/aliases/{asset_alias_id}',
  'GET /api/v2/assets/events',
  'GET /api/v2/assets/{asset_id}',
  'POST /api/v2/assets/{asset_id}/materialize',
  'DELETE /api/v2/assets/{asset_id}/queuedEvents',
  'GET /api/v2/assets/{asset_id}/queuedEvents',
  'DELETE /api/v2/assets/{asset_id}/state-store',
  'GET /api/v2/assets/{asset_id}/state-store',
  'DELETE /api/v2/assets/{asset_id}/state-store/{key:path}',
  'GET /api/v2/assets/{asset_id}/state-store/{key:path}',
  'PUT /api/v2/assets/{asset_id}/state-store/{key:path}',
  'GET /api/v2/auth/login',
  'GET /api/v2/auth/logout',
  'GET /api/v2/backfills/{backfill_id}/dag_runs',
  'GET /api/v2/config',
  'GET /api/v2/config/section/{section}/option/{option}',
  'GET /api/v2/connections',
  'PATCH /api/v2/connections',
  'POST /api/v2/connections',
  'POST /api/v2/connections/defaults',
  'GET /api/v2/connections/enqueue-test',
  'POST /api/v2/connections/enqueue-test',
  'POST /api/v2/connections/test',
  'DELETE /api/v2/connections/{connection_id}',
  'GET /api/v2/connections/{connection_id}',
  'PATCH /api/v2/connections/{connection_id}',
  'GET /api/v2/dagBundles',
  'GET /api/v2/dagBundles/{bundle_name}',
  'GET /api/v2/dagBundles/{bundle_name}/files',
  'GET /api/v2/dagSources/{dag_id}',
  'GET /api/v2/dagStats',
  'GET /api/v2/dagTags',
  'GET /api/v2/dagWarnings',
  'GET /api/v2/dags',
  'PATCH /api/v2/dags',
  'PATCH /api/v2/dags/bulk',
  'DELETE /api/v2/dags/{dag_id}',
  'GET /api/v2/dags/{dag_id}',
  'DELETE /api/v2/dags/{dag_id}/assets/queuedEvents',
  'GET /api/v2/dags/{dag_id}/assets/queuedEvents',
  'DELETE /api/v2/dags/{dag_id}/assets/{asset_id}/queuedEvents',
  'GET /api/v2/dags/{dag_id}/assets/{asset_id}/queuedEvents',
  'POST /api/v2/dags/{dag_id}/clearDagRuns',
  'POST /api/v2/dags/{dag_id}/clearPartitions',
  'GET /api/v2/dags/{dag_id}/dagRuns',
  'PATCH /api/v2/dags/{dag_id}/dagRuns',
  'POST /api/v2/dags/{dag_id}/dagRuns/list',
  `GET ${RUN}`,
  `GET ${RUN}/hitlDetails`,
  `PATCH ${RUN}/taskGroupInstances/{group_id}`,
  `PATCH ${RUN}/taskGroupInstances/{group_id}/dry_run`,
  `GET ${RUN}/taskInstances`,
  `POST ${RUN}/taskInstances/list`,
  `DELETE ${RUN}/taskInstances/{task_id}`,
  `GET ${RUN}/taskInstances/{task_id}`,
  `GET ${RUN}/taskInstances/{task_id}/dependencies`,
  `PATCH ${RUN}/taskInstances/{task_id}/dry_run`,
  `GET ${RUN}/taskInstances/{task_id}/externalLogUrl/{try_number}`,
  `GET ${RUN}/taskInstances/{task_id}/links`,
  `GET ${RUN}/taskInstances/{task_id}/listMapped`,
  `GET ${RUN}/taskInstances/{task_id}/logs/{try_number}`,
  `DELETE ${RUN}/taskInstances/{task_id}/state-store`,
  `GET ${RUN}/taskInstances/{task_id}/state-store`,
  `DELETE ${RUN}/taskInstances/{task_id}/state-store/{key:path}`,
  `GET ${RUN}/taskInstances/{task_id}/state-store/{key:path}`,
  `PATCH ${RUN}/taskInstances/{task_id}/state-store/{key:path}`,
  `PUT ${RUN}/taskInstances/{task_id}/state-store/{key:path}`,
  `GET ${RUN}/taskInstances/{task_id}/tries`,
  `GET ${RUN}/taskInstances/{task_id}/tries/{task_try_number}`,
  `GET ${RUN}/taskInstances/{task_id}/xcomEntries`,
  `POST ${RUN}/taskInstances/{task_id}/xcomEntries`,
  `DELETE ${RUN}/taskInstances/{task_id}/xcomEntries/{xcom_key:path}`,
  `GET ${RUN}/taskInstances/{task_id}/xcomEntries/{xcom_key:path}`,
  `PATCH ${RUN}/taskInstances/{task_id}/xcomEntries/{xcom_key:path}`,
  `GET ${RUN}/taskInstances/{task_id}/{map_index}`,
  `GET ${RUN}/taskInstances/{task_id}/{map_index}/dependencies`,
  `PATCH ${RUN}/taskInstances/{task_id}/{map_index}/dry_run`,
  `GET ${RUN}/taskInstances/{task_id}/{map_index}/hitlDetails`,
  `PATCH ${RUN}/taskInstances/{task_id}/{map_index}/hitlDetails`,
  `GET ${RUN}/taskInstances/{task_id}/{map_index}/hitlDetails/tries/{try_number}`,
  `GET ${RUN}/taskInstances/{task_id}/{map_index}/tries`,
  `GET ${RUN}/taskInstances/{task_id}/{map_index}/tries/{task_try_number}`,
  `GET ${RUN}/upstreamAssetEvents`,
  `GET ${RUN}/wait`,
  'GET /api/v2/dags/{dag_id}/dagVersions',
  'GET /api/v2/dags/{dag_id}/dagVersions/diff',
  'GET /api/v2/dags/{dag_id}/dagVersions/{version_number}',
  'GET /api/v2/dags/{dag_id}/details',
  'POST /api/v2/dags/{dag_id}/favorite',
  'GET /api/v2/dags/{dag_id}/tasks',
  'GET /api/v2/dags/{dag_id}/tasks/{task_id}',
  'POST /api/v2/dags/{dag_id}/unfavorite',
  'GET /api/v2/eventLogs',
  'GET /api/v2/eventLogs/{event_log_id}',
  'GET /api/v2/importErrors',
  'GET /api/v2/importErrors/{import_error_id}',
  'GET /api/v2/jobs',
  'PUT /api/v2/parseDagFile/{file_token}',
  'GET /api/v2/plugins',
  'GET /api/v2/plugins/importErrors',
  'GET /api/v2/pools',
  'PATCH /api/v2/pools',
  'DELETE /api/v2/pools/{pool_name:path}',
  'GET /api/v2/pools/{pool_name:path}',
  'GET /api/v2/providers',
  'GET /api/v2/variables',
  'PATCH /api/v2/variables',
  'POST /api/v2/variables',
  'DELETE /api/v2/variables/{variable_key:path}',
  'GET /api/v2/variables/{variable_key:path}',
  'PATCH /api/v2/variables/{variable_key:path}',
];

export function playersOf(route: string): Player[] {
  return (Object.keys(PLAYED) as Player[]).filter((player) => PLAYED[player].includes(route));
}

/** Each route that a release has, in the order of paths. */
export function routesOf(kept: readonly ReleaseRoutes[], api: 'execution' | 'public'): string[] {
  const byPath = (route: string) => route.split(' ').toReversed().join(' ');
  return [...new Set(kept.flatMap((release) => release[api]))].sort((a, b) => (byPath(a) < byPath(b) ? -1 : 1));
}

/** What is wrong with the entries above: sentences. */
export function entryProblems(kept: readonly ReleaseRoutes[]): string[] {
  const there = new Set([...routesOf(kept, 'execution'), ...routesOf(kept, 'public')]);
  const played = new Set(Object.values(PLAYED).flat());
  const unplayed = new Set(UNPLAYED);
  return [
    ...[...there]
      .filter((route) => !played.has(route) && !unplayed.has(route))
      .map((route) => `${route} has no entry: who plays it?`),
    ...[...played, ...unplayed].filter((route) => !there.has(route)).map((route) => `no release has ${route}`),
    ...UNPLAYED.filter((route) => played.has(route)).map((route) => `${route} is played, and listed as not played`),
  ];
}

function table(kept: readonly ReleaseRoutes[], api: 'execution' | 'public'): string {
  const routes = routesOf(kept, api);
  const rows = routes.map((route) => {
    const has = kept.map((release) => (release[api].includes(route) ? '✓' : ''));
    return `| \`${route}\` | ${has.join(' | ')} | ${playersOf(route).join(', ') || 'none'} |`;
  });
  const heads = kept.map(({ airflow }) => airflow);
  return [
    `| route | ${heads.join(' | ')} | played by |`,
    `| --- | ${heads.map(() => '---').join(' | ')} | --- |`,
    ...rows,
  ].join('\n');
}

/** docs/routes.md. */
export function routesMarkdown(kept: readonly ReleaseRoutes[]): string {
  const versions = kept.map(({ airflow, execution_api }) => `${airflow}: ${execution_api}`).join(', ');
  return `# Routes of the releases

What the Execution API, which workers use, and the public API of each release can be asked, and who asks it: a simulated
worker (life), an operator, the conformance test ([conformance.md](conformance.md)), or none of them. Real workers
([engines.md](engines.md#real-workers)) send what their tasks need.

\`npm run routes\` lists them again, from the routers of each release, keeps them in \`records/routes.json\`, and writes
this page. A test holds the list to the entries in \`scripts/routes/page.ts\`: a route that a release gains needs one.
At night the kept list is compared with the releases (\`npx vitest run --project night test/routes.night.test.ts\`).

## Execution API

In its newest version (${versions}).

${table(kept, 'execution')}

## Public API

${table(kept, 'public')}
`;
}
