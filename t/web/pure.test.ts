// SPDX-License-Identifier: Apache-2.0
// What the dashboard works out by itself: locations, forms, observations, the matrix, paths.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { distance, project } from '../../web/src/earth.ts';
import { asCli, asCurl, fieldsOf, optionsOf, wrongWith } from '../../web/src/form.ts';
import { bytes, count, csv, mbit, ms, percent, shellWord, span } from '../../web/src/format.ts';
import { Board, columnKey, type Filter, heat, verdict } from '../../web/src/grid.ts';
import { observationOf, observations, outcomeOf, quantile } from '../../web/src/observe.ts';
import { difference, pathGraph, pathsAt } from '../../web/src/path.ts';
import { metricsOf } from '../../web/src/prom.ts';
import { pointsOf } from '../../web/src/rollups.ts';
import type { Measurement, Node, Observation, Result } from '../../web/src/types.ts';
import { complete, locations, matches, matching, suggestions } from '../../web/src/where.ts';

function node(name: string, more: Partial<Node['location']> = {}, tags: string[] = []): Node {
  const location = {
    continent: 'EU',
    region: 'eu-west',
    country: 'DE',
    state: null,
    city: 'Frankfurt',
    asn: 64500,
    network: 'Example Net',
    latitude: 50,
    longitude: 8,
    ...more,
  };
  return {
    id: `id-${name}`,
    name,
    status: 'online',
    version: '1',
    location,
    tags,
    plugins: [{ name: 'ping', version: '1' }],
  };
}

function seen(nodeName: string, target: string, more: Partial<Observation> = {}): Observation {
  return {
    measurement: `${nodeName}${target}${more.at ?? 0}`,
    type: 'ping',
    target,
    schedule: '',
    nodeId: `id-${nodeName}`,
    nodeName,
    at: 0,
    outcome: 'ok',
    latency: 10,
    loss: 0,
    spread: null,
    mbit: null,
    hops: null,
    why: null,
    ...more,
  };
}

// Lists of one pair each, as the store keeps them.
function lists(all: Observation[]): Observation[][] {
  const by = new Map<string, Observation[]>();
  for (const o of all)
    by.set(`${o.nodeId} ${o.target}`, [...(by.get(`${o.nodeId} ${o.target}`) ?? []), o]);
  return [...by.values()];
}

const ALL: Filter = {
  group: 'All',
  node: '',
  target: '',
  over: 0,
  badOnly: false,
  offline: false,
};

test('numbers: what was not measured is a dash, never zero', () => {
  assert.equal(ms(null), '–');
  assert.equal(ms(0.0123), '0.012 ms');
  assert.equal(ms(12.34), '12.3 ms');
  assert.equal(ms(25000), '25.0 s');
  assert.equal(percent(undefined), '–');
  assert.equal(percent(33.333), '33 %');
  assert.equal(bytes(1500), '1.5 kB');
  assert.equal(count(1234567), '1\u202f234\u202f567');
  assert.equal(span(3 * 3600000), '3 h');
});

test('csv: quotes, and no cell that a spreadsheet would run', () => {
  assert.equal(
    csv(
      ['a', 'b'],
      [
        ['x"y', '=1+1'],
        [-5, null],
      ],
    ),
    'a,b\r\n"x""y",\'=1+1\r\n-5,\r\n',
  );
});

test('shell words', () => {
  assert.equal(shellWord('example.com'), 'example.com');
  assert.equal(shellWord("a'b c"), "'a'\\''b c'");
  assert.equal(shellWord('$(id)'), "'$(id)'");
});

test('from: comma is or, plus is and, two letters are a code', () => {
  const fra = node('fra1', {}, ['core']);
  const iad = node('iad1', {
    continent: 'NA',
    region: 'us-east',
    country: 'US',
    city: 'Ashburn',
    asn: 0,
    network: '',
  });
  assert.ok(matches(fra, ''));
  assert.ok(matches(fra, 'world'));
  assert.ok(matches(fra, 'DE'));
  assert.ok(matches(fra, 'de+AS64500+core'));
  assert.ok(!matches(fra, 'DE+Paris'));
  assert.ok(matches(fra, 'US, Frankfurt'));
  assert.ok(matches(iad, 'us-east'));
  assert.ok(!matches(fra, 'ra'), 'two letters are never a part of a name');
  assert.deepEqual(locations('DE, world , US+AS1'), [{ magic: 'DE' }, { magic: 'US+AS1' }]);
  assert.equal(matching([fra, { ...iad, status: 'offline' }], '', 'ping').length, 1);
  assert.equal(matching([fra, iad], '', 'dns').length, 0, 'a node needs the type');
  assert.deepEqual(suggestions([fra, iad], 'DE, As'), ['AS64500', 'Ashburn']);
  assert.equal(complete('DE,us', 'us-east'), 'DE, us-east');
});

const ROWS = {
  name: 'http',
  version: '1',
  summary: '',
  params: [
    { name: 'port', type: 'int', default: '80', min: 1, max: 65535 },
    { name: 'request.method', type: 'enum', default: 'HEAD', enum: ['HEAD', 'GET'] },
    { name: 'request.headers', type: 'map' },
    { name: 'verify', type: 'bool', default: 'true' },
    { name: 'wait', type: 'duration', default: '2s' },
    { name: 'password', type: 'string', secret: true },
    { name: 'role', type: 'enum', internal: true, enum: ['x'] },
  ],
};

test('forms: only what differs is sent, at its place', () => {
  const fields = fieldsOf(ROWS);
  assert.deepEqual(
    fields.map((f) => f.path),
    ['port', 'request.method', 'request.headers', 'verify', 'wait', 'password'],
  );
  const typed = {
    port: '8080',
    'request.method': 'HEAD',
    'request.headers': 'A: b\nC:d',
    verify: 'false',
    wait: '',
    password: 's',
  };
  assert.deepEqual(optionsOf(fields, typed), {
    port: 8080,
    request: { headers: { A: 'b', C: 'd' } },
    verify: false,
    password: 's',
  });
  assert.equal(wrongWith(fields[0]!, '70000'), 'must be at most 65535');
  assert.equal(wrongWith(fields[0]!, 'x'), 'must be a whole number');
  assert.equal(wrongWith(fields[4]!, '5 parsecs'), 'must be a duration such as 500ms, 2s or 5m');
  assert.equal(wrongWith(fields[4]!, '500ms'), null);
  const ask = { type: 'http', target: 'example.com', from: 'DE, US', limit: 2, policy: '' };
  assert.equal(
    asCli(ask, fields, typed),
    "sonde http example.com from DE,US --limit 2 --port 8080 --request.headers 'A: b' --request.headers 'C: d' --verify=false --password @FILE",
  );
  assert.match(
    asCurl('http://c:1', { type: 'http' }),
    /-d '\{"type":"http"\}' http:\/\/c:1\/v1\/measurements$/,
  );
});

test('forms: the same from a JSON Schema', () => {
  const schema = {
    type: 'object',
    properties: {
      port: { type: 'integer', default: 80, minimum: 1, maximum: 65535 },
      request: {
        type: 'object',
        properties: { method: { type: 'string', enum: ['HEAD', 'GET'], default: 'HEAD' } },
      },
      wait: { type: ['string', 'number'], default: '2s', 'x-unit': 'ms' },
      password: { type: 'string', writeOnly: true },
    },
  };
  const fields = fieldsOf({ name: 'http', version: '1', summary: '', schema });
  assert.deepEqual(
    fields.map((f) => [f.path, f.kind, f.initial]),
    [
      ['port', 'int', '80'],
      ['request.method', 'choice', 'HEAD'],
      ['wait', 'duration', '2s'],
      ['password', 'text', ''],
    ],
  );
  assert.ok(fields[3]!.secret);
});

test('observations: the target failed, or it could not be measured', () => {
  assert.equal(outcomeOf({ status: 'in-progress' }), null);
  assert.equal(outcomeOf({ status: 'finished' }), 'ok');
  assert.equal(outcomeOf({ status: 'failed', failure: 'refused' }), 'failed');
  assert.equal(outcomeOf({ status: 'failed', failure: 'guard' }), 'unmeasured');
  const m: Measurement = {
    id: 'm',
    type: 'ping',
    target: 't',
    status: 'finished',
    createdAt: '2026-01-01T00:00:00Z',
    probesCount: 2,
    results: [
      {
        probe: { id: 'a', name: 'fra1' },
        result: {
          status: 'finished',
          stats: { avg: 5, loss: 50 },
          timings: [{ rtt: 6 }, { rtt: 4 }],
        },
      },
      {
        probe: { id: 'b' },
        result: { status: 'failed', failure: 'timeout', rawOutput: 'PING\nNo answer.' },
      },
    ],
  };
  const [a, b] = observations(m);
  assert.deepEqual([a!.latency, a!.loss, a!.spread], [5, 50, [4, 6]]);
  assert.deepEqual([b!.outcome, b!.latency, b!.why], ['failed', null, 'timeout: No answer.']);
  const row = {
    ingest: 1,
    receivedAt: '2026-01-01T00:00:00Z',
    node: 'a',
    nodeName: null,
    measurement: 'm',
    type: 'http',
    target: 't',
    late: false,
  };
  assert.equal(
    observationOf({ ...row, result: { status: 'finished', phases: { total: 7 } } })!.latency,
    7,
  );
  assert.equal(observationOf({ ...row, node: null, result: { status: 'finished' } }), null);
  assert.equal(quantile([1, 2, 3, 4], 0.5), 2.5);
  assert.equal(quantile([], 0.5), null);
});

test('observations: hostile shapes make no exception', () => {
  const shapes: unknown[] = [
    null,
    1,
    'x',
    [],
    {},
    { stats: 1 },
    { stats: { avg: 'x' } },
    { hops: 5 },
    { hops: [null] },
    { hops: [{ timings: null }] },
    { hops: [{ timings: [null, { rtt: 'x' }] }] },
    { timings: { rtt: 1 } },
    { rawOutput: {} },
  ];
  for (const s of shapes) {
    const result = { status: 'finished', ...(s as object) } as Result;
    observations({
      id: 'm',
      type: 't',
      target: 't',
      status: 'finished',
      createdAt: 'never',
      probesCount: 1,
      results: [{ probe: { id: 'a' }, result }],
    });
  }
});

const grid = (all: Observation[][], nodes: Node[], f: Filter): Board => new Board(all, nodes, f);

test('matrix: worst first, the newest counts', () => {
  const nodes = [node('a'), node('b')];
  const g = grid(
    lists([
      seen('a', 'x', { at: 1, outcome: 'failed' }),
      seen('a', 'x', { at: 2 }),
      seen('b', 'x', { at: 2, outcome: 'failed', latency: null }),
    ]),
    nodes,
    ALL,
  );
  assert.deepEqual(
    g.rows.map((r) => r.name),
    ['b', 'a'],
  );
  const cell = g.cell('id-a', columnKey('ping', 'x'));
  assert.equal(cell!.last.outcome, 'ok');
  assert.equal(cell!.recent.length, 2);
  const off = [{ ...node('a'), status: 'offline' as const }];
  assert.equal(grid(lists([seen('a', 'x')]), off, ALL).rows.length, 0);
  assert.equal(grid(lists([seen('a', 'x')]), off, { ...ALL, offline: true }).rows.length, 1);
  assert.equal(grid(lists([seen('a', 'x')]), nodes, { ...ALL, badOnly: true }).size, 0);
  const two = lists([seen('a', 'x', { latency: 5 }), seen('b', 'x', { latency: 500 })]);
  assert.equal(grid(two, nodes, { ...ALL, over: 100 }).rows.length, 1);
  assert.equal(grid(lists([seen('a', 'x')]), nodes, { ...ALL, group: 'HTTP' }).size, 0);
});

test('heat: logarithmic from 3 ms to 1 s', () => {
  assert.equal(heat(null), 0);
  assert.equal(heat(1), 0);
  assert.equal(heat(1000), 1);
});

test('matrix: two schedules of one target are two columns', () => {
  const g = grid(
    [[seen('a', 'x', { schedule: '1' })], [seen('a', 'x', { schedule: '2', outcome: 'failed' })]],
    [],
    ALL,
  );
  assert.equal(g.columns.length, 2);
  assert.equal(g.bad, 1);
});

// What a board says, whatever way it came about.
function saying(b: Board): unknown {
  b.sort();
  return {
    rows: b.rows,
    columns: b.columns,
    counts: [b.size, b.bad, b.failing],
    cells: [...b.all()].map((c) => [c.row.id, c.column.id, c.last, c.badness]).sort(),
  };
}

test('matrix: what is updated pair by pair is what would be made anew', () => {
  let state = 7;
  const random = (n: number): number => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.floor((state / 2147483648) * n);
  };
  const nodes = [0, 1, 2, 3, 4].map((i) => node(`n${i}`));
  const filters: Filter[] = [
    ALL,
    { ...ALL, badOnly: true },
    { ...ALL, over: 50 },
    { ...ALL, node: 'n1', target: 't' },
  ];
  for (const f of filters) {
    const all = new Map<string, Observation[]>();
    const b = new Board([], nodes, f);
    for (let i = 0; i < 3000; i++) {
      const [n, t] = [`n${random(6)}`, `t${random(4)}`];
      const list = all.get(n + t) ?? [];
      all.set(n + t, list);
      const outcome = (['ok', 'ok', 'failed', 'unmeasured'] as const)[random(4)]!;
      list.push(seen(n, t, { at: i, outcome, latency: random(300), loss: random(3) * 10 }));
      b.update(list);
      if (i % 500 === 499) assert.deepEqual(saying(b), saying(new Board(all.values(), nodes, f)));
    }
  }
});

test('matrix: only what changed is drawn again', () => {
  const all = lists([seen('a', 'x'), seen('a', 'y'), seen('b', 'x')]);
  const b = new Board(all, [], ALL);
  assert.equal(b.takeDirty().length, 0);
  all[0]!.push(seen('a', 'x', { at: 5, latency: 12 }));
  b.update(all[0]!);
  b.update(all[0]!);
  assert.deepEqual(
    b.takeDirty().map((c) => [c.row.name, c.column.target]),
    [['a', 'x']],
  );
  assert.equal(b.moved, false);
  b.update([seen('c', 'x')]);
  assert.equal(b.moved, true);
});

test('matrix: what was not seen for long goes', () => {
  const b = new Board([[seen('a', 'x', { at: 5 })], [seen('b', 'x', { at: 9 })]], [], ALL);
  b.expire(7);
  b.update([seen('c', 'x', { at: 6 })]);
  b.sort();
  assert.deepEqual([b.size, b.rows.map((r) => r.name)], [1, ['b']]);
});

test('matrix: all packets lost is a target that does not answer', () => {
  const r: Result = { status: 'finished', stats: { loss: 100, avg: null }, rawOutput: 'x' };
  assert.equal(outcomeOf(r), 'failed');
  assert.equal(outcomeOf({ ...r, stats: { loss: 50, avg: 2 } }), 'ok');
});

test('matrix: is it the node or the target', () => {
  const nodes = [node('a'), node('b'), node('c')];
  const of = (bad: [string, string][]) =>
    grid(
      lists(
        ['a', 'b', 'c'].flatMap((n) =>
          ['x', 'y'].map((t) =>
            seen(n, t, bad.some(([bn, bt]) => bn === n && bt === t) ? { outcome: 'failed' } : {}),
          ),
        ),
      ),
      nodes,
      ALL,
    );
  assert.match(
    verdict(
      of([
        ['a', 'x'],
        ['b', 'x'],
        ['c', 'x'],
      ]),
    ),
    /it looks like the target/,
  );
  assert.match(
    verdict(
      of([
        ['a', 'x'],
        ['a', 'y'],
      ]),
    ),
    /it looks like the node/,
  );
  assert.match(verdict(of([])), /All 6 pairs/);
});

test('paths: merged by address and time to live, silent hops apart', () => {
  const hop = (ttl: number, address: string | null, rtt: number | null) => ({
    ttl,
    address,
    rtt,
    loss: 0,
    asn: [],
  });
  const a = seen('a', 't', {
    at: 5,
    hops: [hop(1, '10.0.0.1', 1), hop(2, null, null), hop(3, '10.0.0.9', 30)],
  });
  const b = seen('b', 't', {
    at: 5,
    hops: [hop(1, '10.0.0.2', 1), hop(2, null, null), hop(3, '10.0.0.9', 12)],
  });
  const g = pathGraph([a, b]);
  assert.equal(g.vertices.size, 2 + 2 + 2 + 1);
  assert.equal(g.vertices.get('target 10.0.0.9')!.seen, 2);
  assert.equal(g.bottleneck, 'target 10.0.0.9');
  assert.equal(pathsAt([a, { ...a, at: 9 }], 6)[0]!.at, 5);
  const old = seen('a', 't', { at: 1, hops: [hop(1, '10.0.0.7', 1)] });
  assert.deepEqual(difference([a], [old]), [
    { node: 'a', text: 'now by 10.0.0.1, 10.0.0.9; no more by 10.0.0.7' },
  ]);
});

test('metrics', () => {
  const m = metricsOf('# HELP x y\nx 5\nx{a="b c"} 2.5\nbroken\n');
  assert.deepEqual(
    [...m],
    [
      ['x', 5],
      ['x{a="b c"}', 2.5],
    ],
  );
});

test('rollups: a point without a median is a failure, or was not measured', () => {
  const none = { loss: null, min: null, max: null, p50: null, p90: null };
  const at = '2026-01-01T00:00:00Z';
  const points = [
    { at, count: 4, failed: 1, unmeasured: 2, loss: 10, min: 1, max: 9, p50: 2, p90: 8 },
    { at, count: 3, failed: 3, unmeasured: 0, ...none },
    { at, count: 3, failed: 0, unmeasured: 3, ...none },
  ];
  const [a, b, c] = pointsOf(
    { step: '1h', series: [{ node: 'x', nodeName: null, points }] },
    'ping',
    't',
  );
  assert.deepEqual([a!.outcome, a!.latency, a!.loss, a!.bands], ['ok', 2, 50, [1, 2, 8, 9]]);
  assert.deepEqual([b!.outcome, b!.loss, c!.outcome], ['failed', 100, 'unmeasured']);
});

// As d3-geo says, with which the outlines are drawn.
test('map: places stand where the outlines are drawn', () => {
  const theirs: [[number, number], [number, number], number][] = [
    [[0,0], [480.00, 240.00], 0.88080],
    [[8.68,50.11], [499.00, 95.09], 0.00786],
    [[-77.49,39.04], [300.55, 126.67], 1.02188],
    [[139.69,35.68], [807.88, 136.42], 1.47110],
    [[-46.63,-23.55], [366.46, 308.27], 1.53577],
    [[-180,-60], [111.49, 411.84], 2.94988],
    [[180,85], [761.53, 11.01], 0.78463],
  ];
  for (const [at, [x, y], apart] of theirs) {
    const own = project(at);
    assert.ok(Math.hypot(own[0] - x, own[1] - y) < 0.3, `${at}: ${own}, not ${x} ${y}`);
    assert.ok(Math.abs(distance(at, [8, 50]) - apart) < 1e-4, `${at}: ${distance(at, [8, 50])}`);
  }
});

test('bandwidth: megabits and the round trip under load', () => {
  const row = {
    ingest: 1,
    receivedAt: '2026-01-01T00:00:00Z',
    node: 'n',
    nodeName: 'n',
    measurement: 'm',
    type: 'bandwidth',
    target: 't',
    late: false,
    result: {
      status: 'finished',
      down: { bitsPerSecond: 94e6 },
      rtt: { idle: { avg: 2 }, loaded: { avg: 30 } },
    },
  };
  const o = observationOf(row)!;
  assert.deepEqual([o.mbit, o.latency, o.loaded, mbit(o.mbit)], [94, 2, 30, '94 Mbit/s']);
  assert.equal(mbit(2500), '2.50 Gbit/s');
});
