// SPDX-License-Identifier: Apache-2.0
// Builds the dashboard into dist/: readable, no line over 512 characters, the same bytes each time.
import { geoNaturalEarth1, geoPath } from 'd3-geo';
import { build } from 'esbuild';
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { merge, mesh } from 'topojson-client';

const here = new URL('.', import.meta.url).pathname;
const out = `${here}dist.new`;
const LINE = 160;
const LONGEST = 512;
const MOST_KB = 120; // of all that a browser is sent, gzip
const STEPS = 2; // of the map's outlines, a pixel
const SPECK = 3; // outlines of less points than that are left out

// Relative and in whole steps; lines are broken so that none is long.
function outline(path) {
  const parts = path.split('M').filter(Boolean).map((part) => {
    const points = [];
    for (const [x, y] of part.replace('Z', '').split('L').map((p) => p.split(',').map((v) => Math.round(v * STEPS)))) {
      const last = points[points.length - 1];
      if (!last || last[0] !== x || last[1] !== y) points.push([x, y]);
    }
    if (points.length < SPECK) return '';
    let text = '';
    points.forEach(([x, y], i) => {
      const [bx, by] = points[i - 1] ?? [0, 0];
      const dy = y - by;
      const lead = i === 0 ? 'M' : i === 1 ? 'l' : x < bx ? '' : ' ';
      text += `${lead}${x - bx}${dy < 0 ? '' : ' '}${dy}`;
    });
    return text + (part.endsWith('Z') ? 'z' : '');
  });
  return parts.join('');
}

// The map of the world as it is drawn: land, and the borders between countries.
function outlines() {
  const atlas = JSON.parse(readFileSync(`${here}node_modules/world-atlas/countries-110m.json`, 'utf8'));
  const { countries } = atlas.objects;
  const draw = geoPath(geoNaturalEarth1().fitExtent([[6, 6], [954, 474]], { type: 'Sphere' }));
  return {
    steps: STEPS,
    land: pieces(outline(draw(merge(atlas, countries.geometries)))),
    borders: pieces(outline(draw(mesh(atlas, countries, (a, b) => a !== b)))),
  };
}

// A text of JSON cannot be broken over lines: it is an array of them.
const pieces = (text) => text.match(new RegExp(`.{1,${LINE}}`, 'g'));

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
  minifySyntax: true, // names and lines stay
  charset: 'utf8',
  logLevel: 'warning',
});
for (const name of ['index.html', 'icon.svg']) copyFileSync(`${here}src/${name}`, `${out}/${name}`);
writeFileSync(`${out}/world.json`, `${JSON.stringify(outlines(), null, 0).replaceAll('","', '",\n"')}\n`);
const bundled = [
  'preact',
  '@preact/signals',
  '@preact/signals-core',
  'uplot',
  'world-atlas',
];
const licence = (name) => readFileSync(`${here}node_modules/${name}/LICENSE`, 'utf8').trim();
writeFileSync(
  `${out}/LICENSES.txt`,
  bundled.map((n) => `${n}\n\n${licence(n)}\n`).join('\n----\n\n'),
);
for (const name of ['app.js', 'app.css', 'world.json', 'index.html', 'LICENSES.txt']) checked(name);
const sent = ['app.js', 'app.css', 'world.json', 'index.html', 'icon.svg'].map(
  (name) => [name, gzipSync(readFileSync(`${out}/${name}`), { level: 9 }).length / 1000],
);
const total = sent.reduce((sum, [, kb]) => sum + kb, 0);
console.log(`${sent.map(([name, kb]) => `${name} ${kb.toFixed(1)}`).join(', ')}: ${total.toFixed(1)} kB gzip`);
if (total > MOST_KB) throw new Error(`more than ${MOST_KB} kB`);
rmSync(`${here}dist`, { recursive: true, force: true });
renameSync(out, `${here}dist`);
