// SPDX-License-Identifier: Apache-2.0
// Traceroutes of several nodes to one target, merged: one vertex an address and time to live,
// ordered within its layer by the mean place of its neighbours.
import type { Observation } from './types.ts';

export interface Vertex {
  key: string;
  layer: number;
  label: string;
  kind: 'node' | 'hop' | 'silent' | 'target';
  loss: number | null;
  rtt: number | null;
  seen: number;
  y: number; // 0 to 1 within its layer
}

export interface Edge {
  from: string;
  to: string;
  weight: number;
}

export interface PathGraph {
  layers: number;
  vertices: Map<string, Vertex>;
  edges: Map<string, Edge>;
  bottleneck: string | null;
}

function touch(
  g: PathGraph,
  key: string,
  layer: number,
  label: string,
  kind: Vertex['kind'],
): Vertex {
  let v = g.vertices.get(key);
  if (!v) {
    v = { key, layer, label, kind, loss: null, rtt: null, seen: 0, y: 0 };
    g.vertices.set(key, v);
  }
  v.seen++;
  g.layers = Math.max(g.layers, layer + 1);
  return v;
}

function join(g: PathGraph, from: string, to: string): void {
  const key = `${from}>${to}`;
  const e = g.edges.get(key);
  if (e) e.weight++;
  else g.edges.set(key, { from, to, weight: 1 });
}

function worse(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.max(a, b);
}

function addPath(g: PathGraph, o: Observation): void {
  let before = touch(g, `node ${o.nodeId}`, 0, o.nodeName, 'node').key;
  let rtt = 0;
  let worst = 0;
  const hops = o.hops ?? [];
  hops.forEach((h, i) => {
    const end = i === hops.length - 1 && o.outcome === 'ok' && h.address !== null;
    // A silent hop is its own for each way in: nobody knows whether two are the same.
    const key = end
      ? `target ${h.address}`
      : h.address
        ? `${h.ttl} ${h.address}`
        : `${h.ttl} ? ${before}`;
    const v = touch(g, key, h.ttl, h.address ?? '*', end ? 'target' : h.address ? 'hop' : 'silent');
    v.layer = Math.max(v.layer, h.ttl);
    v.rtt = worse(v.rtt, h.rtt);
    v.loss = h.address ? worse(v.loss, h.loss) : null;
    join(g, before, key);
    if (h.rtt !== null && h.rtt - rtt > worst && h.rtt - rtt > 1) {
      worst = h.rtt - rtt;
      g.bottleneck = key;
    }
    rtt = h.rtt ?? rtt;
    before = key;
  });
}

function order(g: PathGraph): void {
  const layers: Vertex[][] = Array.from({ length: g.layers }, () => []);
  for (const v of g.vertices.values()) layers[v.layer]?.push(v);
  for (const layer of layers) layer.forEach((v, i) => (v.y = (i + 0.5) / layer.length));
  for (let pass = 0; pass < 6; pass++) {
    for (const layer of pass % 2 ? layers.slice().reverse() : layers) {
      const mean = new Map(layer.map((v) => [v.key, middle(g, v)]));
      layer.sort((a, b) => (mean.get(a.key) ?? 0) - (mean.get(b.key) ?? 0));
      layer.forEach((v, i) => (v.y = (i + 0.5) / layer.length));
    }
  }
}

function middle(g: PathGraph, v: Vertex): number {
  let sum = 0;
  let weight = 0;
  for (const e of g.edges.values()) {
    const other = e.from === v.key ? e.to : e.to === v.key ? e.from : null;
    if (!other) continue;
    sum += (g.vertices.get(other)?.y ?? 0) * e.weight;
    weight += e.weight;
  }
  return weight ? sum / weight : v.y;
}

export function pathGraph(of: Observation[]): PathGraph {
  const g: PathGraph = { layers: 0, vertices: new Map(), edges: new Map(), bottleneck: null };
  for (const o of of) addPath(g, o);
  order(g);
  return g;
}

// The newest path of each node at a time.
export function pathsAt(all: Observation[], at: number): Observation[] {
  const newest = new Map<string, Observation>();
  for (const o of all) {
    const known = newest.get(o.nodeId);
    if (o.hops && o.at <= at && (!known || o.at > known.at)) newest.set(o.nodeId, o);
  }
  return [...newest.values()];
}

// What changed: addresses a node's path has now and had not, and the other way round.
export function difference(
  now: Observation[],
  then: Observation[],
): { node: string; text: string }[] {
  const out: { node: string; text: string }[] = [];
  for (const o of now) {
    const old = then.find((t) => t.nodeId === o.nodeId);
    if (!old || old === o) continue;
    const a = (o.hops ?? []).map((h) => h.address ?? '*');
    const b = (old.hops ?? []).map((h) => h.address ?? '*');
    const came = a.filter((x) => x !== '*' && !b.includes(x));
    const went = b.filter((x) => x !== '*' && !a.includes(x));
    if (!came.length && !went.length) continue;
    const parts = [
      came.length ? `now by ${came.join(', ')}` : '',
      went.length ? `no more by ${went.join(', ')}` : '',
    ];
    out.push({ node: o.nodeName, text: parts.filter(Boolean).join('; ') });
  }
  return out;
}
