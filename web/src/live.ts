// SPDX-License-Identifier: Apache-2.0
// /v1/live: results and nodes as they come. Where it is not there, or breaks, polling goes on and
// this tries again. What the controller left out for a slow reader is counted and shown.
import { signal } from '@preact/signals';
import { token } from './api.ts';
import type { Node, ResultRow } from './types.ts';

const FLUSH_MS = 200;
const RETRY_MS = 1000;
const RETRY_MAX_MS = 60000;

export const live = signal(false);
export const missed = signal(0);

export interface Sink {
  cursor: () => number;
  results: (rows: ResultRow[], next: number) => void;
  nodes: (fresh: Node[]) => void;
}

interface Message {
  id?: string;
  ok?: string;
  error?: string;
  results?: ResultRow[];
  next?: number;
  node?: Node;
  missed?: number;
}

let socket: WebSocket | null = null;
let wait = RETRY_MS;
let rows: ResultRow[] = [];
let fresh: Node[] = [];
let next = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

function flush(sink: Sink): void {
  timer = undefined;
  const all = rows;
  const seen = fresh;
  rows = [];
  fresh = [];
  if (seen.length) sink.nodes(seen);
  if (next) sink.results(all, next);
}

function take(m: Message, sink: Sink): void {
  if (m.ok === 'subscribe' && m.id === 'results') live.value = true;
  if (m.missed) missed.value += m.missed;
  if (m.node) fresh.push(m.node);
  if (m.results) rows.push(...m.results);
  if (m.next) next = m.next;
  if ((m.results || m.next || m.node) && !timer) timer = setTimeout(() => flush(sink), FLUSH_MS);
}

function parsed(data: unknown): Message {
  try {
    return (JSON.parse(String(data)) as Message | null) ?? {};
  } catch {
    return {};
  }
}

function dial(sink: Sink): void {
  const url = new URL('/v1/live', location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  const s = new WebSocket(url, 'sonde.live.v1');
  socket = s;
  const say = (m: unknown): void => s.send(JSON.stringify(m));
  s.onopen = () => {
    say({ op: 'auth', token: token.value });
    say({ op: 'subscribe', id: 'results', topic: 'results', cursor: sink.cursor() });
    say({ op: 'subscribe', id: 'nodes', topic: 'nodes' });
  };
  s.onmessage = (e) => {
    if (s !== socket) return;
    take(parsed(e.data), sink);
    wait = RETRY_MS;
  };
  s.onclose = () => {
    if (s !== socket) return;
    socket = null;
    live.value = false;
    wait = Math.min(RETRY_MAX_MS, wait * 2);
    if (token.value) setTimeout(() => !socket && token.value && dial(sink), wait);
  };
}

// Called whenever somebody is logged in; `there` is whether the controller lists results, which
// came to controllers together with this.
export function keepLive(sink: Sink, there: boolean): void {
  if (there && token.value && !socket && wait === RETRY_MS) dial(sink);
}

export function hangUp(): void {
  const s = socket;
  socket = null;
  live.value = false;
  rows = [];
  fresh = [];
  next = 0;
  missed.value = 0;
  wait = RETRY_MS;
  s?.close();
}
