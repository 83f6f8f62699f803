// SPDX-License-Identifier: Apache-2.0
// The matrix of nodes and targets: newest observation of each pair, worst first, and a sentence
// that says whether it is the node or the target.
import type { Node, Observation } from './types.ts';

export interface Line {
  id: string; // of a node, or the key of a column
  name: string;
  badness: number;
  bad: number; // pairs that are not well
  size: number;
}

export interface Column extends Line {
  type: string;
  target: string;
  schedule: string;
}

export interface Cell {
  row: Line;
  column: Column;
  last: Observation;
  recent: Observation[]; // oldest first
  badness: number;
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
  if (o.outcome === 'failed') return 30;
  if (o.outcome === 'unmeasured') return 20;
  // Coarse, so that the order does not change with every result.
  return Math.ceil((o.loss ?? 0) / 10) * 2 + Math.floor(heat(o.latency) * 5);
}

export const cellKey = (node: string, column: string): string => `${node}\n${column}`;
export const columnKey = (type: string, target: string, schedule = ''): string =>
  `${type}\t${target}\t${schedule}`;

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

function keptNodes(nodes: Node[], f: Filter): Set<string> {
  const text = f.node.toLowerCase();
  return new Set(
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
}

const byBadness = (a: Line, b: Line): number =>
  b.badness - a.badness || a.name.localeCompare(b.name);

// All of it is worked out once; then each pair that has a new observation is an update, so that what
// is done follows what came and not the size of the matrix.
export class Board {
  rows: Line[] = [];
  columns: Column[] = [];
  size = 0;
  bad = 0;
  failing = 0;
  #cells = new Map<string, Map<string, Cell>>();
  #rows = new Map<string, Line>();
  #columns = new Map<string, Column>();
  #names: Map<string, string>;
  #keep: Set<string> | null;
  #filter: Filter;
  #dirty = new Set<Cell>();
  #from = -Infinity;
  #moved = false; // a row or a column came or went

  // Each list is of one pair, oldest first, and stays the same list. No nodes: they are not known.
  constructor(lists: Iterable<Observation[]>, nodes: Node[], filter: Filter) {
    this.#filter = filter;
    this.#names = new Map(nodes.map((n) => [n.id, n.name]));
    this.#keep = nodes.length ? keptNodes(nodes, filter) : null;
    for (const list of lists) this.update(list);
    this.sort();
    this.#dirty.clear();
  }

  cell(row: string, column: string): Cell | undefined {
    return this.#cells.get(row)?.get(column);
  }

  *all(): Iterable<Cell> {
    for (const row of this.rows) yield* this.#cells.get(row.id)?.values() ?? [];
  }

  update(recent: Observation[]): void {
    const last = recent[recent.length - 1];
    if (!last) return;
    const key = columnKey(last.type, last.target, last.schedule);
    const cell = this.#cells.get(last.nodeId)?.get(key);
    if (cell) this.#count(cell, -1);
    if (!this.#shows(last)) {
      if (cell) this.#remove(cell, key);
      return;
    }
    const next = cell ?? this.#add(last, key, recent);
    next.last = last;
    next.recent = recent;
    next.badness = badness(last);
    this.#count(next, 1);
    this.#dirty.add(next);
  }

  // Pairs that were not seen since then are left out, also later.
  expire(from: number): void {
    this.#from = from;
    for (const [, own] of this.#cells)
      for (const [key, cell] of own)
        if (cell.last.at < from) {
          this.#count(cell, -1);
          this.#remove(cell, key);
        }
  }

  // Worst first. True when a row or a column stands elsewhere than before.
  sort(): boolean {
    const before = [this.rows, this.columns];
    this.rows = [...this.#rows.values()].sort(byBadness);
    this.columns = [...this.#columns.values()].sort(byBadness);
    this.#moved = false;
    const same = (a: Line[], b: Line[]): boolean =>
      a.length === b.length && a.every((l, i) => l === b[i]);
    return !same(before[0]!, this.rows) || !same(before[1]!, this.columns);
  }

  get moved(): boolean {
    return this.#moved;
  }

  // The cells that changed since the last time.
  takeDirty(): Cell[] {
    const out = [...this.#dirty];
    this.#dirty.clear();
    return out;
  }

  #shows(o: Observation): boolean {
    const f = this.#filter;
    if (o.at < this.#from || !wanted(o, f) || (this.#keep && !this.#keep.has(o.nodeId))) return false;
    return (!f.badOnly || isBad(o)) && (!f.over || (o.latency ?? Infinity) >= f.over);
  }

  #count(c: Cell, by: 1 | -1): void {
    const bad = isBad(c.last) ? by : 0;
    this.size += by;
    this.bad += bad;
    if (c.last.outcome !== 'ok') this.failing += by;
    for (const line of [c.row, c.column]) {
      line.badness += by * c.badness;
      line.bad += bad;
      line.size += by;
    }
  }

  #add(o: Observation, key: string, recent: Observation[]): Cell {
    const row = this.#rows.get(o.nodeId) ?? {
      id: o.nodeId,
      name: this.#names.get(o.nodeId) ?? o.nodeName,
      badness: 0,
      bad: 0,
      size: 0,
    };
    const column = this.#columns.get(key) ?? {
      id: key,
      name: `${o.type} ${o.target}`,
      type: o.type,
      target: o.target,
      schedule: o.schedule,
      badness: 0,
      bad: 0,
      size: 0,
    };
    this.#moved ||= !row.size || !column.size;
    this.#rows.set(row.id, row);
    this.#columns.set(key, column);
    const cell = { row, column, last: o, recent, badness: 0 };
    const own = this.#cells.get(row.id) ?? new Map<string, Cell>();
    this.#cells.set(row.id, own.set(key, cell));
    return cell;
  }

  #remove(c: Cell, key: string): void {
    this.#cells.get(c.row.id)?.delete(key);
    this.#dirty.delete(c);
    if (!c.row.size) this.#rows.delete(c.row.id);
    if (!c.column.size) this.#columns.delete(key);
    this.#moved = true;
  }
}

const worst = (lines: Line[]): Line =>
  lines.reduce((a, b) => (b.bad > a.bad ? b : a), lines[0] as Line);

// "Is it our node or their target?", in one sentence.
export function verdict(b: Board): string {
  if (!b.size) return '';
  if (!b.bad) return `All ${b.size} pairs of node and target are well.`;
  const node = worst(b.rows);
  const target = worst(b.columns);
  const head = `${b.bad} of ${b.size} pairs are not well.`;
  if (b.bad > 1 && target.bad === b.bad && node.bad < b.bad)
    return `${head} All of them are of ${target.name}: it looks like the target.`;
  if (b.bad > 1 && node.bad === b.bad && target.bad < b.bad)
    return `${head} All of them are of ${node.name}: it looks like the node.`;
  return `${head} Most are of ${target.name} (${target.bad}) and of ${node.name} (${node.bad}).`;
}

// Position of a latency on the scale of colours, 0 to 1: steps at 10, 32, 100 and 316 ms.
export function heat(latency: number | null): number {
  if (latency === null) return 0;
  return Math.min(1, Math.max(0, (Math.log10(Math.max(latency, 1)) - 0.5) / 2.5));
}
