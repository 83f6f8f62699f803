// SPDX-License-Identifier: Apache-2.0
// What is known of the controller, kept fresh by polling; views read signals. Observations are
// bounded: the oldest of a pair of node and target go first.
import { batch, computed, effect, signal } from '@preact/signals';
import { ApiError, get, message, Missing, refused, token } from './api.ts';
import { columnKey } from './grid.ts';
import { hangUp, keepLive, live, type Sink } from './live.ts';
import { observationOf, observations } from './observe.ts';
import { metricsOf } from './prom.ts';
import { route } from './route.ts';
import type {
  Measurement,
  Node,
  Observation,
  Plugin,
  Problem,
  ResultRow,
  Schedule,
  Silence,
  SonEvent,
} from './types.ts';

const EVERY_MS = 2000;
const PER_PAIR = 240;
const PER_PAIR_LEAST = 6;
const KEPT = 200000; // observations in all, shared by the pairs
const BACK_MS = 3600000; // how far results are read back at first, and
const BACK_MOST = 30000; // about how many
const CATCHING_UP_MS = 15000;
const PAGES = 10; // of results, a round
const TOGETHER_MS = 250;
const REMEMBERED = 40;
const NODE_MS = 10; // between two questions for all nodes, for each of them
const KEY = 'sonde.measurements';

const ROLES = ['unknown', 'guest', 'viewer', 'user', 'operator', 'admin'] as const;
export type Role = (typeof ROLES)[number];

export const role = signal<Role>('unknown');
export const who = signal('');

// Sees what all do: viewers and those who administer, but not a user.
export function watches(): boolean {
  return role.value === 'viewer' || may('operator');
}

export function may(least: Role): boolean {
  return ROLES.indexOf(role.value) >= ROLES.indexOf(least);
}
export const nodes = signal<Node[]>([]);
export const plugins = signal<Plugin[]>([]);
export const metrics = signal<Map<string, number>>(new Map());
export const resultRate = signal<number | null>(null);
export const schedules = signal<Schedule[] | null>(null); // null = the controller has none
export const events = signal<SonEvent[] | null>(null);
export const problems = signal<Problem[] | null>(null);
export const silences = signal<Silence[] | null>(null);
// What is looked at of very much is looked at less often.
const MANY = 1000;
const SLOW_MS = 2000;
const slow = computed(() => Math.floor(now.value / SLOW_MS));
export function tick(): number {
  return pairCount.value > MANY ? slow.value : version.value;
}
export const contact = signal<'starting' | 'ok' | 'lost'>('starting');
export const contactError = signal('');
export const contactAt = signal(0);
export const now = signal(Date.now());
export const version = signal(0); // rises with every new observation

// By node, then by type, target and schedule: each list is in the order of time.
const byNode = new Map<string, Map<string, Observation[]>>();
let pairs = 0;
export const pairCount = signal(0); // rises with each new one

export function* pairLists(): Iterable<Observation[]> {
  void version.value;
  for (const own of byNode.values()) yield* own.values();
}

function inOrder(lists: Observation[][]): Observation[] {
  return lists.flat().sort((a, b) => a.at - b.at);
}

export function observedBy(nodeId: string): Observation[] {
  void version.value;
  return inOrder([...(byNode.get(nodeId)?.values() ?? [])]);
}

// Of one column: all nodes that have it.
export function observedOf(column: string): Observation[] {
  void version.value;
  const lists = [...byNode.values()].map((own) => own.get(column) ?? []);
  return inOrder(lists);
}

// All of the pairs whose newest observation passes.
export function observedWhere(passes: (newest: Observation) => boolean): Observation[] {
  return inOrder([...pairLists()].filter((l) => passes(l[l.length - 1] as Observation)));
}

function insert(list: Observation[], o: Observation): boolean {
  for (let k = list.length - 1; k >= 0; k--)
    if ((list[k] as Observation).measurement === o.measurement) return false;
  let i = list.length;
  while (i > 0 && (list[i - 1] as Observation).at > o.at) i--;
  if (i === list.length) list.push(o);
  else list.splice(i, 0, o);
  const room = Math.min(PER_PAIR, Math.max(PER_PAIR_LEAST, Math.floor(KEPT / pairs)));
  while (list.length > room) list.shift();
  return true;
}

type Watcher = (changed: Iterable<Observation[]>) => void;
const watchers = new Set<Watcher>();
let changed = new Set<Observation[]>();

// Calls with the lists that have new observations, before `version` rises.
export function watch(fn: Watcher): () => void {
  watchers.add(fn);
  return () => watchers.delete(fn);
}

// Views draw what came within a quarter of a second together.
let telling: ReturnType<typeof setTimeout> | undefined;
function tell(): void {
  telling = undefined;
  const lists = changed;
  changed = new Set();
  for (const fn of watchers) fn(lists);
  version.value++;
}

export const oldest = signal(Infinity); // when the first of all was seen

export function add(fresh: Observation[]): void {
  let first = oldest.peek();
  for (const o of fresh) {
    first = Math.min(first, o.at);
    const own = byNode.get(o.nodeId) ?? new Map<string, Observation[]>();
    byNode.set(o.nodeId, own);
    const key = columnKey(o.type, o.target, o.schedule);
    const list = own.get(key) ?? [];
    if (!list.length) {
      pairs++;
      own.set(key, list);
    }
    if (insert(list, o)) changed.add(list);
  }
  oldest.value = first;
  pairCount.value = pairs;
  if (changed.size) telling ??= setTimeout(tell, TOGETHER_MS);
}

// ---- measurements that this tab follows ----

function remembered(): string[] {
  try {
    const ids: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? '[]');
    return Array.isArray(ids) ? ids.filter((i): i is string => typeof i === 'string') : [];
  } catch {
    return [];
  }
}

export function remember(id: string): void {
  const ids = [id, ...remembered().filter((i) => i !== id)].slice(0, REMEMBERED);
  sessionStorage.setItem(KEY, JSON.stringify(ids));
}

const finished = new Set<string>();
const asked = new Set<string>();

export async function follow(id: string): Promise<void> {
  if (finished.has(id) || asked.has(id)) return;
  asked.add(id);
  try {
    const m = await get<Measurement>(`/v1/measurements/${encodeURIComponent(id)}`);
    add(observations(m));
    if (m.status === 'finished') finished.add(id);
  } catch (e) {
    if (e instanceof ApiError && e.status < 500) finished.add(id);
  } finally {
    asked.delete(id);
  }
}

// The newest run of each member of each schedule is a measurement like any other.
async function followSchedules(): Promise<void> {
  const list = await optional<Schedule[]>('/v1/schedules');
  if (!list) {
    schedules.value = null;
    return;
  }
  const all = [...list];
  // Their members are read only where they are shown, or where they are the only way to results.
  if (listed.value && !['schedules', 'nodes'].includes(route.value.view)) {
    schedules.value = all;
    return;
  }
  for (const [i, s] of list.slice(0, 50).entries()) {
    const full = await get<Schedule>(`/v1/schedules/${encodeURIComponent(s.id)}`);
    all[i] = full;
    const runs = (full.members ?? []).map((m) => m.lastRun).filter((r): r is string => !!r);
    if (!listed.value) await Promise.all(runs.slice(0, 100).map(follow));
  }
  schedules.value = all;
}

// All results in the order they came in, where the controller lists them.
interface ResultPage {
  results: ResultRow[];
  next: number;
  more: boolean;
}
let cursor = 1;
let since = 0;

// Where an hour is too much, as much of it as the controller's mean rate makes likely.
function sinceWhen(): number {
  const stored = metrics.value.get('sonde_results_stored_total') ?? 0;
  const seconds = metrics.value.get('sonde_uptime_seconds') ?? 0;
  const most = stored > 0 ? (1000 * BACK_MOST * seconds) / stored : BACK_MS;
  return Date.now() - Math.round(Math.min(BACK_MS, most));
}

// While old results are read back: of when the newest of them is.
export const readingBack = signal(0);

function caughtUp(rows: ResultRow[]): void {
  const last = Date.parse(rows[rows.length - 1]?.receivedAt ?? '');
  readingBack.value = Date.now() - last > CATCHING_UP_MS ? last : 0;
}
export const listed = signal(false);

const sink: Sink = {
  cursor: () => cursor,
  results: (rows, next) => {
    cursor = Math.max(cursor, next);
    take(rows);
  },
  nodes: (fresh) => {
    const all = new Map(nodes.value.map((n) => [n.id, n]));
    for (const n of fresh) all.set(n.id, n);
    nodes.value = [...all.values()];
  },
};

function take(rows: ResultRow[]): void {
  if (rows.length) caughtUp(rows);
  add(rows.map(observationOf).filter((o): o is Observation => o !== null));
}

async function followResults(): Promise<void> {
  if (live.value) return;
  since ||= sinceWhen();
  for (let page = 0; page < PAGES; page++) {
    const p = await optional<ResultPage>(`/v1/results?limit=1000&since=${since}&cursor=${cursor}`);
    listed.value = p !== null;
    if (!p) return;
    cursor = Math.max(cursor, p.next);
    take(p.results);
    if (!p.more) break;
  }
  keepLive(sink, listed.value);
}

// null where the controller does not have it, or not for this role; asked again once a minute, as it
// may be renewed.
const absentUntil = new Map<string, number>();
export async function optional<T>(path: string): Promise<T | null> {
  const key = path.split('?')[0] as string;
  if ((absentUntil.get(key) ?? 0) > Date.now()) return null;
  try {
    return await get<T>(path);
  } catch (e) {
    if (!(e instanceof Missing) && !(e instanceof ApiError && e.status === 403)) throw e;
    absentUntil.set(key, Date.now() + 60000);
    return null;
  }
}

// ---- polling ----

interface PublicProbe {
  version: string;
  location: Node['location'];
  tags: string[];
}

function publicNode(p: PublicProbe, i: number): Node {
  const l = p.location;
  return { id: `probe ${i}`, name: l.city || l.region || `node ${i + 1}`, status: 'online', ...p };
}

// Many nodes are asked for less often: what changes of them comes live, too.
let nodesAt = 0;
function nodesFresh(): boolean {
  return live.value && Date.now() - nodesAt < nodes.value.length * NODE_MS;
}

interface Me {
  name: string;
  role: string;
}

// A controller without accounts knows administrators only.
let roleOf = '';
async function learnRole(): Promise<void> {
  if (roleOf === token.value && role.value !== 'unknown' && role.value !== 'guest') return;
  const me = await optional<Me>('/v1/auth/me');
  who.value = me?.name ?? '';
  role.value = ROLES.find((r) => r === me?.role) ?? (me ? 'viewer' : 'admin');
  roleOf = token.value;
}

async function pollNodes(): Promise<void> {
  if (nodesFresh()) return;
  if (token.value && !refused.value) {
    try {
      nodes.value = await get<Node[]>('/v1/nodes');
      nodesAt = Date.now();
      await learnRole();
      return;
    } catch (e) {
      if (!(e instanceof ApiError) || (e.status !== 401 && e.status !== 403)) throw e;
    }
  }
  nodes.value = (await get<PublicProbe[]>('/v1/probes')).map(publicNode);
  role.value = 'guest';
  who.value = '';
}

let before: { at: number; stored: number } | null = null;
async function pollMetrics(): Promise<void> {
  const m = metricsOf(await get<string>('/metrics'));
  const stored = m.get('sonde_results_stored_total') ?? 0;
  const at = performance.now();
  if (before && stored >= before.stored)
    resultRate.value = (1000 * (stored - before.stored)) / (at - before.at);
  before = { at, stored };
  metrics.value = m;
}

// What is missing besides nodes: the bar names it, so that nothing old passes for new.
export const behind = signal<Map<string, string>>(new Map());

async function quietly(name: string, work: () => Promise<void>): Promise<void> {
  const next = new Map(behind.value);
  try {
    await work();
    if (!next.delete(name)) return;
  } catch (e) {
    next.set(name, message(e));
  }
  behind.value = next;
}

async function round(): Promise<void> {
  try {
    await pollNodes();
    if (!plugins.value.length) plugins.value = await get<Plugin[]>('/v1/plugins');
    batch(() => {
      contact.value = 'ok';
      contactAt.value = Date.now();
    });
  } catch (e) {
    batch(() => {
      contact.value = 'lost';
      contactError.value = message(e);
    });
    return;
  }
  await quietly('metrics', pollMetrics);
  if (watches()) await quietly('results', followResults);
  if (!listed.value) await Promise.all(remembered().map(follow));
  if (!watches()) return;
  await quietly('schedules', followSchedules);
  await quietly('events', async () => {
    events.value = await optional<SonEvent[]>('/v1/events?limit=200');
    problems.value = await optional<Problem[]>('/v1/problems');
    if (route.value.view === 'events') silences.value = await optional<Silence[]>('/v1/silences');
  });
}

let kick: (() => void) | null = null;
export function refresh(): void {
  kick?.();
}

export async function run(): Promise<never> {
  effect(() => {
    void token.value;
    absentUntil.clear();
    nodesAt = 0;
    hangUp();
  });
  setInterval(() => (now.value = Date.now()), 1000);
  for (;;) {
    await round();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, document.hidden ? 5 * EVERY_MS : EVERY_MS);
      kick = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
