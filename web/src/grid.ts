// SPDX-License-Identifier: Apache-2.0
// The matrix of nodes and targets: newest observation of each pair, worst first, and a sentence
// that says whether it is the node or the target.
import type { Node, Observation } from './types.ts';

export interface Cell {
  last: Observation;
  recent: Observation[]; // oldest first
}

export interface Grid {
  rows: { id: string; name: string; badness: number }[];
  columns: { key: string; type: string; target: string; badness: number }[];
  cells: Map<string, Cell>;
}

export const GROUPS = ['All', 'TCP', 'HTTP', 'Ping', 'DNS', 'Bandwidth', 'Traceroute'] as const;
export type Group = (typeof GROUPS)[number];

const MEMBERS: Record<Group, string[] | null> = {
  All: null,
  TCP: ['tcp', 'tls'],
  HTTP: ['http'],
  Ping: ['ping', 'udp', 'sweep'],
  DNS: ['dns'],
  Bandwidth: ['bandwidth'],
  Traceroute: ['traceroute', 'mtr'],
};

export function inGroup(type: string, group: Group): boolean {
  return MEMBERS[group]?.includes(type) ?? true;
}

export function isBad(o: Observation): boolean {
  return o.outcome !== 'ok' || (o.loss ?? 0) > 0;
}

function badness(o: Observation): number {
  if (o.outcome === 'failed') return 3;
  if (o.outcome === 'unmeasured') return 2;
  // Coarse, so that the order does not change with every result.
  return Math.ceil((o.loss ?? 0) / 10) / 5 + Math.floor(heat(o.latency) * 5) / 10;
}

export const cellKey = (node: string, column: string): string => `${node}\n${column}`;
export const columnKey = (type: string, target: string): string => `${type}\t${target}`;

export interface Filter {
  group: Group;
  node: string;
  target: string;
  over: number; // ms; 0 = any
  badOnly: boolean;
  offline: boolean;
}

function wanted(o: Observation, f: Filter): boolean {
  return inGroup(o.type, f.group) && o.target.toLowerCase().includes(f.target.toLowerCase());
}

// Each list is of one pair, oldest first.
function collect(
  lists: Iterable<Observation[]>,
  f: Filter,
  keep: Set<string> | null,
): Map<string, Cell> {
  const cells = new Map<string, Cell>();
  for (const recent of lists) {
    const last = recent[recent.length - 1];
    if (!last || !wanted(last, f) || (keep && !keep.has(last.nodeId))) continue;
    cells.set(cellKey(last.nodeId, columnKey(last.type, last.target)), { last, recent });
  }
  return cells;
}

function passes(c: Cell, f: Filter): boolean {
  return (!f.badOnly || isBad(c.last)) && (!f.over || (c.last.latency ?? Infinity) >= f.over);
}

export function grid(lists: Iterable<Observation[]>, nodes: Node[], f: Filter): Grid {
  const known = new Map(nodes.map((n) => [n.id, n]));
  const text = f.node.toLowerCase();
  const keep = new Set(
    nodes
      .filter(
        (n) =>
          (f.offline || n.status === 'online' || n.status === 'stale') &&
          [n.name, n.location.region, n.location.country, n.location.city, ...n.tags].some((v) =>
            (v ?? '').toLowerCase().includes(text),
          ),
      )
      .map((n) => n.id),
  );
  const cells = collect(lists, f, nodes.length ? keep : null);
  const rows = new Map<string, number>();
  const columns = new Map<string, { type: string; target: string; badness: number }>();
  for (const [key, c] of cells) {
    if (!passes(c, f)) {
      cells.delete(key);
      continue;
    }
    const b = badness(c.last);
    rows.set(c.last.nodeId, (rows.get(c.last.nodeId) ?? 0) + b);
    const k = columnKey(c.last.type, c.last.target);
    const column = columns.get(k) ?? { type: c.last.type, target: c.last.target, badness: 0 };
    column.badness += b;
    columns.set(k, column);
  }
  return {
    rows: [...rows]
      .map(([id, b]) => ({ id, name: known.get(id)?.name ?? id, badness: b }))
      .sort((a, b) => b.badness - a.badness || a.name.localeCompare(b.name)),
    columns: [...columns]
      .map(([key, c]) => ({ key, ...c }))
      .sort((a, b) => b.badness - a.badness || a.key.localeCompare(b.key)),
    cells,
  };
}

// "Is it our node or their target?", in one sentence.
export function verdict(g: Grid): string {
  const bad = [...g.cells.values()].filter((c) => isBad(c.last));
  if (!g.cells.size) return '';
  if (!bad.length) return `All ${g.cells.size} pairs of node and target are well.`;
  const byRow = tally(bad.map((c) => c.last.nodeName));
  const byColumn = tally(bad.map((c) => `${c.last.type} ${c.last.target}`));
  const [node, atNode] = byRow;
  const [target, atTarget] = byColumn;
  const head = `${bad.length} of ${g.cells.size} pairs are not well.`;
  if (bad.length > 1 && atTarget === bad.length && atNode < bad.length)
    return `${head} All of them are of ${target}: it looks like the target.`;
  if (bad.length > 1 && atNode === bad.length && atTarget < bad.length)
    return `${head} All of them are of ${node}: it looks like the node.`;
  return `${head} Most are of ${target} (${atTarget}) and of ${node} (${atNode}).`;
}

function tally(names: string[]): [string, number] {
  const n = new Map<string, number>();
  for (const name of names) n.set(name, (n.get(name) ?? 0) + 1);
  return [...n].sort((a, b) => b[1] - a[1])[0] ?? ['', 0];
}

// Position of a latency on the scale of colours, 0 to 1, logarithmic from 1 ms to 1 s.
export function heat(latency: number | null): number {
  if (latency === null) return 0;
  return Math.min(1, Math.max(0, Math.log10(Math.max(latency, 1)) / 3));
}
