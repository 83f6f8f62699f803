// SPDX-License-Identifier: Apache-2.0
// What a large matrix costs a browser: NODES nodes and TARGETS targets, RATE results a second over the
// websocket for FOR_S seconds, as a controller sends them, and what Chromium says of the page. One line of
// JSON. Environment: CHROMIUM, WEB, and VIEW, PROFILE=1 or PICTURE=FILE; no controller is needed.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const env = (name, otherwise) => Number(process.env[name] ?? otherwise);
const NODES = env('NODES', 500);
const TARGETS = env('TARGETS', 50);
const RATE = env('RATE', 2000);
const SECONDS = env('FOR_S', 60);
const { WEB, CHROMIUM = '/usr/bin/chromium' } = process.env;
const { chromium } = createRequire(`${WEB}/package.json`)('playwright-core');
const TYPES = {
  html: 'text/html',
  js: 'text/javascript',
  css: 'text/css',
  svg: 'image/svg+xml',
  json: 'application/json',
};

const nodes = Array.from({ length: NODES }, (_, i) => ({
  id: `node${String(i).padStart(22, '0')}`,
  name: `node-${i}`,
  status: 'online',
  version: '0.1.0',
  priority: 50,
  tags: ['load'],
  approved: true,
  location: { continent: 'EU', region: `region-${i % 20}`, country: 'DE', state: null,
    city: `City ${i % 40}`, asn: 64500, network: 'Load', latitude: (i % 120) - 60, longitude: i % 180 },
  plugins: [{ name: 'ping', version: '1.1' }],
  live: { address: '127.0.0.1', load: 0.5, responseMs: 1, errorRate: 0, probesRun: 1, active: 1,
    queued: 0, capacity: 64, spoolBytes: 0, spoolCount: 0, rttMs: 20, clockOffsetMs: 0,
    resultsStored: 1, resultsLost: 0, lastSeenMs: 100 },
}));

let ingest = 0;
const RAW = 'PING target 56(84) bytes of data.\n' + '64 bytes from 192.0.2.1: icmp_seq=1 ttl=56 time=23.1 ms\n'.repeat(3);
function row() {
  const n = nodes[ingest % NODES];
  const rtt = 5 + ((ingest * 7919) % 900) / 4 + Math.random() * 20;
  const loss = ingest % 97 ? 0 : 33;
  return {
    ingest: ++ingest,
    receivedAt: new Date().toISOString(),
    node: n.id,
    nodeName: n.name,
    region: n.location.region,
    measurement: `m${ingest}`,
    type: 'ping',
    target: `target-${Math.floor(ingest / NODES) % TARGETS}.example`,
    late: false,
    result: {
      status: ingest % 211 ? 'finished' : 'failed',
      ...(ingest % 211 ? {} : { failure: 'timeout', failureSource: 'target' }),
      schedule: 'one',
      timings: [{ rtt }, { rtt: rtt + 1 }, { rtt: rtt + 2 }],
      stats: { min: rtt, avg: rtt + 1, max: rtt + 2, total: 3, rcv: 3, drop: 0, loss },
      rawOutput: RAW,
    },
  };
}

const ANSWERS = {
  '/v1/nodes': () => nodes,
  '/v1/plugins': () => [{ name: 'ping', version: '1.1', summary: 'ping' }],
  '/v1/results': () => ({ results: [], next: ingest + 1, more: false }),
  '/v1/schedules': () => [],
  '/v1/events': () => [],
  '/v1/problems': () => [],
  '/v1/silences': () => [],
};

const server = createServer((req, res) => {
  const { pathname } = new URL(req.url, 'http://x');
  if (pathname === '/metrics') return res.end(`sonde_results_stored_total ${ingest}\nsonde_uptime_seconds 100\n`);
  if (ANSWERS[pathname]) {
    res.setHeader('Content-Type', 'application/json');
    return res.end(JSON.stringify(ANSWERS[pathname]()));
  }
  const file = `${WEB}/dist/${pathname.replace(/^\/ui\//, '') || 'index.html'}`;
  if (pathname.includes('..') || !existsSync(file)) {
    res.statusCode = 404;
    return res.end('{"error":{"message":"No such path."}}');
  }
  res.setHeader('Content-Type', TYPES[file.split('.').pop()]);
  return res.end(readFileSync(file));
});

function frame(text) {
  const body = Buffer.from(text);
  const head = body.length < 126 ? Buffer.from([0x81, body.length]) : body.length < 65536 ? Buffer.alloc(4) : Buffer.alloc(10);
  head[0] = 0x81;
  if (head.length === 4) { head[1] = 126; head.writeUInt16BE(body.length, 2); }
  if (head.length === 10) { head[1] = 127; head.writeBigUInt64BE(BigInt(body.length), 2); }
  return Buffer.concat([head, body]);
}

const BATCH_MS = 50;
server.on('upgrade', (req, socket) => {
  const key = createHash('sha1')
    .update(`${req.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${key}\r\nSec-WebSocket-Protocol: sonde.live.v1\r\n\r\n`);
  const say = (m) => socket.write(frame(JSON.stringify(m)));
  say({ ok: 'auth' });
  say({ id: 'results', ok: 'subscribe' });
  const began = Date.now();
  const first = ingest;
  const timer = setInterval(() => {
    const due = first + Math.floor(((Date.now() - began) * RATE) / 1000) - ingest;
    const results = Array.from({ length: due }, row);
    if (due > 0) say({ id: 'results', results, next: ingest + 1 });
  }, BATCH_MS);
  socket.on('data', () => {});
  socket.on('error', () => {});
  socket.on('close', () => clearInterval(timer));
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const base = `http://127.0.0.1:${server.address().port}`;

const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ['--no-sandbox', '--js-flags=--expose-gc', '--enable-precise-memory-info'],
});
const page = await browser.newPage({ viewport: { width: 1600, height: 1000 } });
page.on('pageerror', (e) => console.error(e.message));
const cdp = await page.context().newCDPSession(page);
await cdp.send('Performance.enable');
const figures = async () =>
  Object.fromEntries((await cdp.send('Performance.getMetrics')).metrics.map((m) => [m.name, m.value]));
const heap = async () => {
  await cdp.send('HeapProfiler.collectGarbage');
  return Math.round((await figures()).JSHeapUsedSize / 1e6);
};
await page.goto(`${base}/ui/#/now?token=x`);
await page.getByText(`of ${NODES} online`).waitFor();
// Until each pair was seen once.
const full = `${NODES} nodes and ${TARGETS} targets`;
await page.locator(`canvas[aria-label*="${full}"]`).waitFor({ timeout: 60000 });
await page.waitForTimeout((1000 * NODES * TARGETS) / RATE);
if (process.env.VIEW) await page.evaluate((v) => (location.hash = `#/${v}`), process.env.VIEW);
await page.waitForTimeout(2000);
await page.evaluate(() => {
  window.long_ = [];
  new PerformanceObserver((l) => window.long_.push(...l.getEntries().map((e) => e.duration)))
    .observe({ entryTypes: ['longtask'] });
});
const heaps = [await heap()];
let before = await figures();
const spent = { TaskDuration: 0, ScriptDuration: 0, Timestamp: 0 };
const rounds = 6;
for (let i = 0; i < rounds; i++) {
  before = await figures();
  await page.waitForTimeout((1000 * SECONDS) / rounds);
  const after = await figures();
  for (const k of Object.keys(spent)) spent[k] += after[k] - before[k];
  heaps.push(await heap());
}
// For five seconds of it, how long the main thread was busy at a stretch.
await cdp.send('Profiler.enable');
await cdp.send('Profiler.setSamplingInterval', { interval: 500 });
await cdp.send('Profiler.start');
await page.waitForTimeout(5000);
const { profile } = await cdp.send('Profiler.stop');
const names = new Map(profile.nodes.map((x) => [x.id, `${x.callFrame.functionName}:${x.callFrame.lineNumber}`]));
const stretches = [];
const self = new Map();
let busy = 0;
profile.samples.forEach((id, i) => {
  const took = (profile.timeDeltas[i + 1] ?? 0) / 1000;
  const name = names.get(id);
  self.set(name, (self.get(name) ?? 0) + took);
  if (!name.startsWith('(idle)')) busy += took;
  else if (busy) {
    stretches.push(busy);
    busy = 0;
  }
});
stretches.sort((x, y) => x - y);
if (process.env.PROFILE)
  for (const [k, v] of [...self].sort((x, y) => y[1] - x[1]).slice(0, 25)) console.error(v.toFixed(1), k);
const long = (await page.evaluate(() => window.long_)).sort((a, b) => b - a);
console.log(JSON.stringify({
  bench: `dashboard.${process.env.VIEW ?? 'matrix'}`,
  nodes: NODES,
  targets: TARGETS,
  rate: RATE,
  seconds: SECONDS,
  busy_percent: Math.round((100 * spent.TaskDuration) / spent.Timestamp),
  script_percent: Math.round((100 * spent.ScriptDuration) / spent.Timestamp),
  tasks_over_50_ms: long.length,
  longest_ms: Math.round(long[0] ?? 0),
  stretch_p99_ms: Number((stretches[Math.floor(stretches.length * 0.99)] ?? 0).toFixed(1)),
  stretch_longest_ms: Number((stretches[stretches.length - 1] ?? 0).toFixed(1)),
  heap_mb: heaps,
}));
if (process.env.PICTURE) await page.screenshot({ path: process.env.PICTURE });
await browser.close();
server.close();
process.exit(0);
