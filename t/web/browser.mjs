// SPDX-License-Identifier: Apache-2.0
// What a person does with the dashboard, in Chromium, as TAP. Environment: SONDE_URL, SONDE_TOKEN,
// CHROMIUM, WEB (the folder with the packages), KILL_PID (the node bom1, which is lost on the way),
// STOP_PID (the node sin1, which says goodbye). The schedule `closed` fails all the time.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(`${process.env.WEB}/package.json`);
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const base = process.env.SONDE_URL;
const token = process.env.SONDE_TOKEN;
const VIEWS = [
  'now',
  'nodes',
  'nodes?as=table',
  'map',
  'measure',
  'series',
  'paths',
  'schedules',
  'events',
  'policies',
  'admin',
  'admin?part=users',
  'admin?part=tiers',
  'admin?part=audit',
  'account',
  'policies?name=verdict_quorum&line=3',
  'login',
];
const NODES = 5;

let n = 0;
let bad = 0;
function ok(right, name, why = '') {
  console.log(`${right ? '' : 'not '}ok ${++n} - ${name}`);
  if (right) return;
  bad++;
  for (const line of String(why).split('\n')) console.log(`# ${line}`);
}

async function step(name, work) {
  try {
    await work();
    ok(true, name);
  } catch (e) {
    ok(false, name, e.stack ?? e);
  }
}

function need(right, why) {
  if (!right) throw new Error(why);
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ['--no-sandbox'],
});

async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(15000);
  const page = await context.newPage();
  page.faults = [];
  page.on('pageerror', (e) => page.faults.push(e.message));
  page.on(
    'console',
    (m) =>
      m.type() === 'error' &&
      !m.text().includes('Failed to load resource') &&
      page.faults.push(m.text()),
  );
  return page;
}

let present = NODES;

async function openLoggedIn(options) {
  const page = await open(options);
  await page.goto(`${base}/ui/#/now?token=${token}`);
  await page.getByRole('button', { name: 'Log out' }).waitFor();
  await page.getByText(`of ${present} online`).waitFor();
  return page;
}

const show = (page, view) =>
  page.evaluate((v) => {
    location.hash = `#/${v}`;
  }, view);
const status = (page, name) =>
  page.locator('.node-card', { hasText: name }).locator('.status').innerText();

await step('the page and its policy of contents', async () => {
  const page = await open();
  const answer = await page.goto(`${base}/ui/`);
  need(
    (answer.headers()['content-security-policy'] ?? '').startsWith("default-src 'self'"),
    answer.headers()['content-security-policy'],
  );
  await page.getByRole('heading', { name: 'Now' }).waitFor();
  need(!(await page.getByRole('link', { name: 'Admin' }).count()), 'a guest is shown Admin');
  await page.goto(`${base}/ui/#/policies`);
  await page.getByRole('heading', { name: 'Log in to see this' }).waitFor();
  need(!page.faults.length, page.faults.join('\n'));
  await page.context().close();
});

await step('logging in with a wrong token, then with the right one', async () => {
  const page = await open();
  await page.goto(`${base}/ui/#/login`);
  await page.getByLabel('Token').fill('wrong');
  await page.keyboard.press('Enter');
  await page.getByText('The controller does not accept this token.').waitFor();
  await page.getByLabel('Token').fill(token);
  await page.keyboard.press('Enter');
  await page.getByText(`of ${NODES} online`).waitFor();
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByText('Not logged in').waitFor();
  await page.context().close();
});

const page = await openLoggedIn();

await step('a login link leaves no token in the address', async () => {
  need(!page.url().includes(token) && page.url().includes('#/now'), page.url());
});

await step('adding a node gives a line with a token', async () => {
  await show(page, 'nodes');
  await page.getByRole('button', { name: 'Add a node' }).click();
  await page.getByLabel('Name', { exact: true }).fill('par1');
  await page.getByRole('button', { name: 'Make the line' }).click();
  await page.getByText('sonde-node --controller').waitFor();
  await page.getByRole('button', { name: 'Close' }).click();
});

await step('approving a pending node', async () => {
  need((await status(page, 'new1')).includes('pending'), await status(page, 'new1'));
  await page.locator('.node-card', { hasText: 'new1' }).click();
  await page.getByRole('button', { name: 'Approve' }).click();
  await page.getByText('Approve new1: done.').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.locator('.node-card', { hasText: 'new1' }).getByText('online').waitFor();
});

await step(
  'a measurement with the keyboard alone, and its results',
  async () => {
    await show(page, 'measure');
    await page.getByLabel('Type').focus();
    await page.keyboard.type('tcp');
    await page.keyboard.press('Tab');
    await page.keyboard.type('127.0.0.1');
    await page.keyboard.press('Tab');
    await page.keyboard.type('eu-west,us-east');
    await page.getByText(/nodes match now/).waitFor();
    await page.getByText('Options of tcp').focus();
    await page.keyboard.press('Enter');
    await page.getByLabel('port', { exact: true }).focus();
    await page.keyboard.type(new URL(base).port);
    await page.keyboard.press('Enter');
    await page.getByText('3 of 3 arrived').waitFor();
    need((await page.locator('pre.raw').innerText()).includes('127.0.0.1'), 'no text of the tool');
    const id = new URL(page.url().replace('#/', '')).searchParams.get('id');
    const m = await (await fetch(`${base}/v1/measurements/${id}`)).json();
    need(
      m.results.every((r) => r.result.status === 'finished'),
      JSON.stringify(m).slice(0, 600),
    );
  },
);

await step('what the controller refuses stands at its field', async () => {
  await page.getByLabel('Target').fill('not a name');
  await page.getByRole('button', { name: 'Measure', exact: true }).click();
  await page.locator('#target-wrong').waitFor();
});

await step('the matrix shows it, and arrow keys choose a pair', async () => {
  await show(page, 'now');
  await page.locator('.matrix canvas').focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowRight');
  await page.getByRole('heading', { name: /→ tcp 127\.0\.0\.1/ }).waitFor();
  await page.getByRole('button', { name: 'DNS', exact: true }).click();
  await page.getByText('Nothing passes these filters').waitFor();
  await page.getByRole('button', { name: 'All', exact: true }).click();
});

await step('results are shown while others still run', async () => {
  await show(page, 'measure');
  const rows = page.locator('main table tbody tr');
  const answer = await fetch(`${base}/v1/measurements`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({
      type: 'ping',
      target: '127.0.0.1',
      limit: 1,
      inProgressUpdates: true,
      measurementOptions: { packets: 16, interval: '1s' },
    }),
  });
  const { id } = await answer.json();
  await show(page, `measure?id=${id}`);
  await rows.getByText('measuring…').waitFor();
  await page.locator('pre.raw').getByText('icmp_seq=2').waitFor();
  need(await rows.getByText('measuring…').count(), 'it was over before its text was shown');
  await fetch(`${base}/v1/measurements/${id}`, {
    method: 'DELETE',
    headers: { Authorization: `Bearer ${token}` },
  });
});

await step('one time for all views, kept in the address', async () => {
  await show(page, 'now');
  await page.getByLabel('Time').selectOption('30m');
  await page.getByRole('link', { name: 'Series' }).click();
  await page.locator('.uplot .u-over').first().waitFor();
  need(page.url().includes('range=30m'), page.url());
  need((await page.getByLabel('Time').inputValue()) === '30m', 'Series shows another time');
  const chart = page.locator('.uplot .u-over').first();
  const chosen = /from=\d+&to=\d+/;
  // A chart that is drawn anew meanwhile takes no stroke: it is drawn over again.
  for (let n = 0; n < 10 && !chosen.test(page.url()); n++) {
    await chart.waitFor();
    const box = await chart.boundingBox();
    if (!box) continue;
    const { x, y, width } = box;
    await page.mouse.move(x + width * 0.3, y + 40);
    await page.mouse.down();
    await page.mouse.move(x + width * 0.9, y + 40, { steps: 4 });
    await page.mouse.up();
    await page.waitForURL(chosen, { timeout: 3000 }).catch(() => {});
  }
  await page.getByRole('link', { name: 'Events' }).click();
  need(chosen.test(page.url()), page.url());
  await page.getByLabel('Time').selectOption('5m');
  await page.waitForURL((url) => !url.href.includes('from='));
});

await step('a schedule is made, edited, and its results come', async () => {
  await show(page, 'schedules');
  await page.getByRole('button', { name: 'Add a schedule' }).click();
  await page.getByLabel('Name', { exact: true }).fill('way');
  await page.getByLabel('Type').selectOption('traceroute');
  await page.getByLabel('Target').fill('127.0.0.1');
  await page.getByLabel('When').fill('2s');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('button', { name: 'way' }).click();
  await page.getByRole('button', { name: 'Edit', exact: true }).click();
  await page.getByLabel('When').fill('3s');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('traceroute 127.0.0.1, every 3s').waitFor();
  await show(page, 'paths');
  await page.getByText(/paths? to 127\.0\.0\.1/).waitFor({ timeout: 20000 });
  await show(page, 'series?target=127.0.0.1&type=traceroute');
  await page.locator('.uplot canvas').first().waitFor();
});

await step('schedules of one target are told apart, over a long time too', async () => {
  const made = await Promise.all(
    ['quick', 'slow'].map(async (name) => {
      const answer = await fetch(`${base}/v1/schedules`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
        body: JSON.stringify({ name, type: 'ping', target: '127.0.0.9', limit: 1, interval: '1s' }),
      });
      return (await answer.json()).id;
    }),
  );
  await show(page, 'series');
  const target = page.getByLabel('Target');
  await target.locator('option', { hasText: 'ping 127.0.0.9 (slow)' }).waitFor({ state: 'attached', timeout: 30000 });
  await target.locator('option', { hasText: 'ping 127.0.0.9 (quick)' }).waitFor({ state: 'attached', timeout: 30000 });
  await show(page, `series?target=127.0.0.9&type=ping&schedule=${made[1]}`);
  await page.locator('.uplot canvas').first().waitFor();
  const asked = page.waitForRequest((r) => r.url().includes('/v1/series?'));
  await page.getByLabel('Time').selectOption('6h');
  const url = (await asked).url();
  need(url.includes(`schedule=${made[1]}`), url);
  await page.getByText(/^\d+ rollups? since/).waitFor();
  await page.getByLabel('Time').selectOption('5m');
  await Promise.all(
    made.map((id) =>
      fetch(`${base}/v1/schedules/${id}`, { method: 'DELETE', headers: { Authorization: `Bearer ${token}` } }),
    ),
  );
});

await step('whom to call about a node, and what to know of it', async () => {
  await show(page, 'nodes?node=fra1');
  const drawer = page.getByRole('dialog');
  await drawer.getByText('Configure').click();
  await drawer.getByLabel('Contact').fill('ring 555-0100');
  await drawer.getByLabel('Remarks').fill('rack 4,\nbehind the door');
  await drawer.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Configure fra1: done.').waitFor();
  await drawer.locator('dd', { hasText: 'ring 555-0100' }).waitFor();
  await drawer.locator('dd', { hasText: 'behind the door' }).waitFor();
});

await step('a policy with an error: the line is marked', async () => {
  await show(page, 'policies');
  await page.getByRole('button', { name: 'least_load' }).click();
  await page.getByRole('button', { name: 'Edit', exact: true }).click();
  await page.locator('#source').fill('return {\n  api = 1,\n  pick = function(\n}\n');
  await page.getByRole('button', { name: 'Check' }).click();
  const line = page.locator('.line.wrong');
  await line.waitFor();
  need(Number(await line.getAttribute('data-n')) >= 3, await line.getAttribute('data-n'));
  await page.getByRole('button', { name: 'Apply' }).click();
  await page.locator('.note.bad').waitFor();
  await line.waitFor();
});

await step('a policy on trial beside the active one, and its end', async () => {
  const source = await page.evaluate(async (t) => {
    const a = await fetch('/v1/policies/round_robin', { headers: { Authorization: `Bearer ${t}` } });
    return (await a.json()).source;
  }, token);
  await page.locator('#source').fill(source);
  await page.getByRole('button', { name: 'Try beside the active one' }).click();
  await page.getByText('A text is on trial beside this version').waitFor();
  await page.getByRole('button', { name: 'End the trial' }).click();
  await page.getByText('A text is on trial').waitFor({ state: 'detached' });
});

await step('a problem is acknowledged, silenced, and leads to its line', async () => {
  await show(page, 'events');
  const open = page.getByRole('region', { name: 'Open problems' });
  const problem = open.getByText(/^closed is down in/);
  await problem.waitFor({ timeout: 30000 });
  await open.getByRole('button', { name: 'Acknowledge or silence' }).first().click();
  await open.getByLabel('Comment').fill('on it');
  await open.getByRole('button', { name: 'Acknowledge', exact: true }).click();
  await page.getByText('Acknowledge: done.').waitFor();
  await problem.waitFor({ state: 'detached' });
  await open.getByRole('button', { name: /Show 1 acknowledged/ }).click();
  await open.getByText('“on it”').waitFor();
  await open.getByRole('button', { name: 'Silence', exact: true }).click();
  await open.getByRole('button', { name: 'Silence', exact: true }).click();
  const silences = page.getByRole('region', { name: 'Silences' });
  await silences.getByText(/for 59 min|for 1 h/).waitFor();
  await silences.getByRole('button', { name: 'End' }).click();
  await silences.waitFor({ state: 'detached' });
  await open.getByRole('link', { name: /verdict_quorum\.lua:\d+/ }).click();
  await page.locator('.line.wrong').waitFor();
});

await step('a node is drained, configured, given a new key; its log is read', async () => {
  await show(page, 'nodes');
  const card = page.locator('.node-card', { hasText: 'fra1' });
  await card.hover();
  await page.locator('.hover').getByText(/^(in \d+ s|now)$/).waitFor();
  await card.click();
  const drawer = page.getByRole('dialog');
  await drawer.getByRole('button', { name: 'Drain', exact: true }).click();
  await drawer.getByText('drained').waitFor();
  await drawer.getByRole('button', { name: 'Undrain' }).click();
  await drawer.getByText('drained').waitFor({ state: 'detached' });
  await drawer.getByText('Configure').click();
  const now = await drawer.getByText(/^version \d+, the node has/).textContent();
  const next = Number(now.match(/\d+/)[0]) + 1;
  await drawer.getByLabel('Tasks at once').fill('7');
  await drawer.getByRole('button', { name: 'Save' }).click();
  await drawer.getByText(`version ${next}, the node has ${next}`).waitFor();
  await drawer.getByRole('button', { name: 'Sync settings' }).click();
  await page.getByText('Send its settings again to fra1: done.').waitFor();
  await drawer.getByRole('button', { name: 'Rotate key' }).click();
  await page.getByText('Give a new key to fra1: done.').waitFor();
  await drawer.getByText('Log', { exact: true }).last().click();
  await drawer.locator('pre.raw').getByText('connected to').waitFor();
  await page.keyboard.press('Escape');
});

await step('a user is added, logs in with a password, and sees what is for the role', async () => {
  await show(page, 'admin?part=users');
  await page.getByRole('button', { name: 'Add a user' }).click();
  await page.getByLabel('Name', { exact: true }).fill('vera');
  await page.getByLabel('Password').fill('a view of all');
  await page.locator('#u-role').selectOption('viewer');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('button', { name: 'vera' }).click();
  await page.getByLabel('Credits').fill('50');
  await page.getByLabel('Note').fill('welcome');
  await page.getByRole('button', { name: 'Grant' }).click();
  await page.getByText('welcome, by').waitFor();

  const other = await open();
  await other.goto(`${base}/ui/#/login`);
  await other.getByLabel('Name').fill('vera');
  await other.getByLabel('Password').fill('not hers');
  await other.keyboard.press('Enter');
  await other.getByRole('alert').waitFor();
  await other.getByLabel('Password').fill('a view of all');
  await other.keyboard.press('Enter');
  await other.getByText('vera (viewer)').waitFor();
  await other.getByText(`of ${NODES} online`).waitFor();
  await other.locator('.matrix canvas').waitFor();
  need(!(await other.getByRole('link', { name: 'Admin' }).count()), 'a viewer is shown Admin');
  await show(other, 'schedules');
  await other.getByRole('button', { name: 'closed' }).waitFor();
  need(!(await other.getByRole('button', { name: 'Add a schedule' }).count()), 'a viewer may add');
  await show(other, 'nodes?node=fra1');
  await other.getByRole('dialog').locator('dd', { hasText: 'ring 555-0100' }).waitFor();
  need(!(await other.getByText('Configure').count()), 'a viewer may configure');
  await show(other, 'now');

  // The access token has run out; the session goes on with the refresh token.
  await other.evaluate(() => sessionStorage.setItem('sonde.token', 'gone'));
  await other.reload();
  await other.getByText('vera (viewer)').waitFor();

  await show(other, 'account');
  await other.getByText('50 credits').waitFor();
  await other.getByLabel('For what').fill('a script');
  await other.getByRole('button', { name: 'Make a token' }).click();
  await other.getByText(/pat_/).waitFor();
  await other.getByRole('button', { name: 'Log out' }).click();
  await other.getByText('Not logged in').waitFor();
  need(!other.faults.length, other.faults.join('\n'));
  await other.context().close();
});

await step('a tier is made, and the audit log tells of it', async () => {
  await show(page, 'admin?part=tiers');
  await page.getByRole('button', { name: 'Add a tier' }).click();
  await page.getByLabel('Name', { exact: true }).fill('lab');
  await page.getByLabel('Points an hour').fill('77');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('cell', { name: 'lab', exact: true }).waitFor();
  await show(page, 'admin?part=audit');
  await page.getByText('/v1/tiers/lab').waitFor();
});

await step('lost contact is an amber bar, and it goes when contact is back', async () => {
  await show(page, 'now');
  await page.context().setOffline(true);
  await page.locator('.bar.warn').waitFor();
  await page.context().setOffline(false);
  await page.locator('.bar.warn').waitFor({ state: 'detached' });
});

await step('a node that is killed becomes stale, then offline', async () => {
  await show(page, 'nodes');
  const card = page.locator('.node-card', { hasText: 'bom1' });
  await card.getByText('online').waitFor();
  process.kill(Number(process.env.KILL_PID), 'SIGKILL');
  await card.getByText(/stale|offline/).waitFor({ timeout: 20000 });
  await card.getByText('offline').waitFor({ timeout: 40000 });
});

await step('a node that is stopped is deregistered; one that is deleted is gone', async () => {
  process.kill(Number(process.env.STOP_PID), 'SIGTERM');
  const gone = page.locator('.node-card', { hasText: 'sin1' });
  await gone.getByText('deregistered').waitFor({ timeout: 20000 });
  await page.locator('.node-card', { hasText: 'new1' }).click();
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await page.getByRole('button', { name: 'Yes, delete new1' }).click();
  await page.locator('.node-card', { hasText: 'new1' }).waitFor({ state: 'detached' });
  present--;
});

ok(
  !page.faults.length,
  'no exception and no breach of the policy of contents until here',
  page.faults.join('\n'),
);
await page.context().close();

// ---- every view: axe and overflow ----

async function serious(p) {
  await p.evaluate(axe);
  const found = await p.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  return found.violations
    .filter((v) => v.impact === 'serious' || v.impact === 'critical')
    .map(
      (v) =>
        `${v.id}: ${v.nodes
          .slice(0, 3)
          .map((x) => x.html.slice(0, 160))
          .join(' | ')}`,
    );
}

for (const colorScheme of ['light', 'dark'])
  await step(`axe finds nothing serious in any view, ${colorScheme}`, async () => {
    const p = await openLoggedIn({ colorScheme });
    const all = [];
    for (const view of VIEWS) {
      await show(p, view);
      await p.waitForTimeout(400);
      all.push(...(await serious(p)).map((v) => `${view}: ${v}`));
    }
    await p.context().close();
    need(!all.length, all.join('\n'));
  });

// What opens over or in a view.
const button = (name) => (p) => p.getByRole('button', { name, exact: true }).first().click();
const OPENED = [
  ['nodes', (p) => p.locator('.node-card', { hasText: 'fra1' }).click(), 'Configure', 'Log'],
  ['nodes', button('Add a node')],
  ['schedules', button('Add a schedule')],
  ['schedules?id=way', button('Edit')],
  ['events', button('Show 1 acknowledged or silenced, too'), 'Silence'],
  ['policies?name=least_load', button('Edit')],
  ['admin?part=users', button('Add a user')],
  ['admin?part=users', button('vera')],
  ['admin?part=tiers', button('Add a tier')],
];

for (const [width, colorScheme] of [
  [390, 'dark'],
  [1280, 'light'],
])
  await step(`what opens in a view: axe and ${width} pixels, ${colorScheme}`, async () => {
    const p = await openLoggedIn({ viewport: { width, height: 900 }, colorScheme });
    const all = [];
    for (const [view, act, ...more] of OPENED) {
      await show(p, 'login');
      await show(p, view);
      await act(p);
      for (const text of more) await p.getByText(text, { exact: true }).last().click();
      await p.waitForTimeout(200);
      all.push(...(await serious(p)).map((v) => `${view}: ${v}`));
      const by = await p.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (by > 0) all.push(`${view} is wider by ${by}`);
      await p.keyboard.press('Escape');
    }
    await p.context().close();
    need(!all.length, all.join('\n'));
  });

for (const width of [390, 1280, 2560])
  await step(`no view is wider than ${width} pixels`, async () => {
    const p = await openLoggedIn({ viewport: { width, height: 900 } });
    const over = [];
    for (const view of VIEWS) {
      await show(p, view);
      await p.waitForTimeout(250);
      const by = await p.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (by > 0) over.push(`${view} by ${by}`);
    }
    await p.context().close();
    need(!over.length, over.join('\n'));
  });

// ---- markup in everything that nodes, targets and users say ----

const CARRIERS = [
  '<xss-canary>',
  '<img src=x onerror="window.__ran=1">',
  '<script>window.__ran=1</script>',
  '"><svg onload=window.__ran=1>',
  "'-window.__ran=1-'",
  'javascript:window.__ran=1',
  '<iframe srcdoc="<script>parent.__ran=1</script>">',
  '{{window.__ran=1}}',
  '</textarea><xss-canary>',
  '<a href="javascript:window.__ran=1"><xss-canary>',
  '</title><xss-canary>',
  '<style>@import"x"</style><xss-canary>',
  '<math><mi//xlink:href="data:x,<xss-canary>">',
  '\u2028<xss-canary>',
  '<xss-canary\u0000>',
  '<details open ontoggle=window.__ran=1>',
  '<body onload=window.__ran=1>',
  '<input autofocus onfocus=window.__ran=1>',
  '<video><source onerror=window.__ran=1>',
  '<marquee onstart=window.__ran=1>',
];
const PAYLOADS = Array.from({ length: 200 }, (_, i) => `${CARRIERS[i % CARRIERS.length]}${i}`);
const KEEP = new Set([
  'status',
  'type',
  'createdAt',
  'updatedAt',
  'at',
  'dueAt',
  'lastDueAt',
  'nextDueAt',
  'since',
  'receivedAt',
  'lastAt',
  'role',
  'state',
]);

function poison(v, used) {
  if (typeof v === 'string') return PAYLOADS[used.n++ % PAYLOADS.length];
  if (Array.isArray(v)) return v.map((x) => poison(x, used));
  if (v && typeof v === 'object')
    return Object.fromEntries(
      Object.entries(v).map(([k, x]) => [
        k,
        KEEP.has(k) && typeof x === 'string' ? x : poison(x, used),
      ]),
    );
  return v;
}

await step(
  '200 payloads of markup through every text of the API: none runs, none becomes an element',
  async () => {
    const p = await openLoggedIn();
    const used = { n: 0 };
    p.on('dialog', (d) => d.dismiss());
    await p.route('**/v1/**', async (route) => {
      // A poisoned id makes a path that the controller may refuse by hanging up.
      const answer = await route.fetch().catch(() => null);
      if (!answer) return route.abort();
      const body = await answer.json().catch(() => null);
      return route.fulfill({ response: answer, json: poison(body, used) });
    });
    for (const view of [
      ...VIEWS,
      'nodes?node=x',
      'measure?id=01m7yth551eve59n63gnhy90he',
      `map?id=${encodeURIComponent(PAYLOADS[0])}`,
      `series?target=${encodeURIComponent(PAYLOADS[1])}`,
    ]) {
      await show(p, view);
      await p.waitForTimeout(500);
      for (const pick of await p.locator('main tr.pick, main .node-card:enabled').all()) {
        await pick.click({ timeout: 1000 }).catch(() => {});
        break;
      }
      await p.waitForTimeout(150);
      const got = await p.evaluate(() => ({
        ran: window.__ran ?? 0,
        canaries: document.querySelectorAll(
          'xss-canary, iframe, main img, main script, marquee, video',
        ).length,
      }));
      need(!got.ran && !got.canaries, `${view}: ${JSON.stringify(got)}`);
    }
    need(used.n >= 200, `only ${used.n} payloads were served`);
    await show(p, 'admin');
    await p.getByRole('heading', { name: 'Registration tokens' }).waitFor();
    need(!p.faults.length, p.faults.join('\n'));
    await p.context().close();
  },
);

await browser.close();
console.log(`1..${n}`);
process.exitCode = bad ? 1 : 0;
