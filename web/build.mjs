// SPDX-License-Identifier: Apache-2.0
// Builds the dashboard into dist/: readable, no line over 512 characters, the same bytes each time.
import { build } from 'esbuild';
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

const here = new URL('.', import.meta.url).pathname;
const out = `${here}dist.new`;
const LINE = 160;
const LONGEST = 512;

function folded(text) {
  let line = 0;
  return text.replace(/[^,]*,?/g, (part) => {
    line += part.length;
    if (line <= LINE) return part;
    line = part.length;
    return `\n${part}`;
  });
}

function checked(name) {
  const longest = Math.max(
    ...readFileSync(`${out}/${name}`, 'utf8')
      .split('\n')
      .map((l) => l.length),
  );
  if (longest > LONGEST) throw new Error(`${name} has a line of ${longest} characters`);
}

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
await build({
  absWorkingDir: here,
  entryPoints: { app: 'src/main.tsx' },
  outdir: out,
  bundle: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none', // LICENSES.txt has them whole
  lineLimit: LINE,
  charset: 'utf8',
  logLevel: 'warning',
});
for (const name of ['index.html', 'icon.svg']) copyFileSync(`${here}src/${name}`, `${out}/${name}`);
const world = readFileSync(`${here}node_modules/world-atlas/countries-110m.json`, 'utf8');
const text = folded(world);
if (JSON.stringify(JSON.parse(text)) !== JSON.stringify(JSON.parse(world)))
  throw new Error('the map changed in folding');
writeFileSync(`${out}/world.json`, text);
const bundled = [
  'preact',
  '@preact/signals',
  '@preact/signals-core',
  'uplot',
  'd3-geo',
  'd3-array',
  'internmap',
  'topojson-client',
  'world-atlas',
];
const licence = (name) => readFileSync(`${here}node_modules/${name}/LICENSE`, 'utf8').trim();
writeFileSync(
  `${out}/LICENSES.txt`,
  bundled.map((n) => `${n}\n\n${licence(n)}\n`).join('\n----\n\n'),
);
for (const name of ['app.js', 'app.css', 'world.json', 'index.html', 'LICENSES.txt']) checked(name);
rmSync(`${here}dist`, { recursive: true, force: true });
renameSync(out, `${here}dist`);
