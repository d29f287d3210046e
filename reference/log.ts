/** Airflow's console form, which the harness's log reader knows: `2026-11-21T10:00:00.123Z [error    ] message`. */
export function log(level: 'info' | 'warning' | 'error' | 'critical', message: string): void {
  const oneLine = message.replace(/\s*\n\s*/g, ' · ');
  process.stdout.write(`${new Date().toISOString()} [${level.padEnd(9)}] ${oneLine}\n`);
}
