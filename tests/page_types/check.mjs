// Checks the types of the page's own files, which JSDoc tells: npm run check. Its copy of three.js has no declarations beside it, so the files are
// checked in a folder where those of @types/three stand in for it.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
const page = join(root, 'src', 'boxwright', 'viewer', 'page');
const place = join(root, 'node_modules', '.page-check');
rmSync(place, { recursive: true, force: true });
mkdirSync(join(place, 'vendor'), { recursive: true });
for (const name of readdirSync(page)) if (name.endsWith('.js')) cpSync(join(page, name), join(place, name));
writeFileSync(join(place, 'vendor', 'three.module.d.ts'), "export * from 'three';\n");
writeFileSync(join(place, 'vendor', 'OrbitControls.d.ts'), "export * from 'three/examples/jsm/controls/OrbitControls.js';\n");
cpSync(join(here, 'tsconfig.json'), join(place, 'tsconfig.json'));
const done = spawnSync(process.execPath, [join(root, 'node_modules', 'typescript', 'lib', 'tsc.js'), '-p', place], { encoding: 'utf8' });
process.stdout.write(done.stdout.replaceAll(/^.*\.page-check\//gm, 'page/'));
process.stderr.write(done.status ? '' : done.stderr);
process.exit(done.status ?? 1);
