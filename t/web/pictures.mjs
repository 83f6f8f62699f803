// SPDX-License-Identifier: Apache-2.0
// Takes the pictures that t/web/pictures wants: OUT/<width>-<theme>-<view>.png. Arguments are names of
// views; none means all. README=1 takes those of README.md instead, small ones, into OUT. FRESH=1 takes the page from web/dist, not as the controller read it at its start.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { small } from './png.mjs';

const { SONDE_URL: base, SONDE_TOKEN: token, WEB, OUT, CHROMIUM, MEASUREMENT } = process.env;
const { chromium } = createRequire(`${WEB}/package.json`)('playwright-core');
const only = new Set(process.argv.slice(2));
const readme = process.env.README === '1';
const widths = (readme ? '1280' : process.env.WIDTHS ?? '390,1280,2560').split(',').map(Number);
const themes = (readme ? 'light' : process.env.THEMES ?? 'light,dark').split(',');

const click = (name) => (p) => p.getByRole('button', { name }).first().click({ timeout: 3000 });
const VIEWS = [
  ['now', 'now'],
  ['now-loss', 'now?show=loss&bad=1'],
  ['now-cell', 'now?range=5m', async (p) => {
    await p.locator('.matrix canvas').focus();
    for (const k of ['ArrowDown', 'ArrowRight']) await p.keyboard.press(k);
  }],
  ['nodes', 'nodes'],
  ['nodes-hover', 'nodes', (p) => p.locator('.node-card', { hasText: 'fra1' }).hover()],
  ['nodes-add', 'nodes', click('Add a node')],
  ['nodes-drawer', 'nodes', (p) => p.locator('.node-card', { hasText: 'fra1' }).click()],
  ['nodes-table', 'nodes?as=table'],
  ['map', 'map'],
  ['map-arcs', `map?id=${MEASUREMENT}`],
  ['measure', 'measure'],
  ['measure-result', `measure?id=${MEASUREMENT}`],
  ['series', 'series?type=ping&target=lossy.lab.test&range=5m'],
  ['series-bandwidth', 'series?type=bandwidth&range=5m'],
  ['series-region', 'series?type=ping&target=target.lab.test&by=region'],
  ['paths', 'paths?target=target.lab.test&range=5m'],
  ['schedules', 'schedules'],
  ['schedules-one', 'schedules?id=core-mesh'],
  ['schedules-add', 'schedules', click('Add a schedule')],
  ['events', 'events'],
  ['events-ack', 'events', click('Acknowledge or silence')],
  ['policies', 'policies'],
  ['policies-one', 'policies?name=least_load'],
  ['admin', 'admin'],
  ['admin-users', 'admin?part=users', click('anna')],
  ['admin-tiers', 'admin?part=tiers'],
  ['admin-audit', 'admin?part=audit'],
  ['account', 'account'],
  ['login', 'login'],
];

const TYPE = { js: 'text/javascript', css: 'text/css', json: 'application/json' };
// View => picture of README.md and doc/dashboard.md.
const README = {
  'now-cell': 'now',
  series: 'series',
  paths: 'paths',
  'map-arcs': 'map',
  'nodes-drawer': 'node',
  'measure-result': 'measure',
  'schedules-one': 'schedule',
  events: 'events',
  'policies-one': 'policy',
  'admin-users': 'users',
};

mkdirSync(OUT, { recursive: true });
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
for (const colorScheme of themes)
  for (const width of widths) {
    const context = await browser.newContext({
      viewport: { width, height: readme ? 760 : 900 },
      colorScheme,
    });
    const page = await context.newPage();
    if (process.env.FRESH)
      await page.route(/\/ui\/\w+\.(js|css|json)$/, (r) => {
        const name = new URL(r.request().url()).pathname.slice(4);
        return r.fulfill({
          body: readFileSync(`${WEB}/dist/${name}`),
          contentType: TYPE[name.split('.').pop()],
        });
      });
    page.on('pageerror', (e) => console.log(`${width}: ${e.message}`));
    await page.goto(`${base}/ui/#/now?token=${token}`);
    await page.getByRole('button', { name: 'Log out' }).waitFor();
    await page.waitForTimeout(1500);
    await page.getByText('reading back').waitFor({ state: 'detached' });
    for (const [name, view, then] of VIEWS) {
      if ((only.size && !only.has(name)) || (readme && !README[name])) continue;
      await page.goto(`${base}/ui/#/login`);
      await page.goto(`${base}/ui/#/${view}`);
      await page.waitForTimeout(900);
      if (then) await then(page).catch((e) => console.log(`${width} ${name}: ${e.message}`));
      await page.waitForTimeout(500);
      if (readme) {
        writeFileSync(`${OUT}/${README[name]}.png`, small(await page.screenshot()));
        continue;
      }
      const path = `${OUT}/${width}-${colorScheme}-${name}.png`;
      await page.screenshot({ path, fullPage: !/drawer|hover/.test(name) });
    }
    await context.close();
  }
await browser.close();
