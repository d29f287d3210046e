/**
 * What the package holds instead of the sources: `dist/`, the same tree with JavaScript in place of TypeScript and with
 * the files that are read as they are (SQL, CSS, Python) beside it. `npm pack` and `npm publish` call it.
 *
 *     npm run build
 */
import { execFileSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const ROOT = path.join(import.meta.dirname, '..');
const FOLDERS = ['harness', 'reference', 'reports', 'workloads', path.join('docker', 'executor')];
const NOT_READ = /\.ts$|(^|\/)(testing|__pycache__)(\/|$)/;

const dist = path.join(ROOT, 'dist');
rmSync(dist, { recursive: true, force: true });
const tsc = path.join(path.dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: ROOT, stdio: 'inherit' });
for (const folder of FOLDERS) {
  cpSync(path.join(ROOT, folder), path.join(dist, folder), {
    recursive: true,
    filter: (file) => !NOT_READ.test(path.relative(ROOT, file)),
  });
}
