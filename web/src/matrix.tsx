// SPDX-License-Identifier: Apache-2.0
// The matrix on a canvas: one cell a node and target. Colour is latency or loss; a failure has a
// cross, what could not be measured a bar. Arrow keys move, the chosen pair is also said as text.
import type { JSX } from 'preact';
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { brief } from './format.ts';
import { type Board, type Cell, cellKey, type Column, heat } from './grid.ts';
import { colour, theme } from './theme.ts';
import type { Observation } from './types.ts';

const HEAD = 92;
const HANG = 84; // by which the last name of a target leans over
const MIN_CELL = 20;
const FONT = '12px system-ui, sans-serif';

interface Layout {
  side: number; // width of the names
  w: number;
  h: number;
}

type Paint = Record<string, string>;

let paintsOf = '';
let cached: Paint = {};

// Asking for the colours is slow; they change with the theme only.
function paints(): Paint {
  if (paintsOf === theme.value) return cached;
  paintsOf = theme.value;
  const names = [
    'heat0',
    'heat1',
    'heat2',
    'heat3',
    'heat4',
    'bad',
    'warn',
    'text',
    'muted',
    'panel',
    'sunken',
    'focus',
    'bad-soft',
    'warn-soft',
  ];
  cached = Object.fromEntries(names.map((n) => [n, colour(n)]));
  return cached;
}

function layoutOf(b: Board, width: number): Layout {
  const side = width < 560 ? 88 : 150;
  const room = Math.max(0, width - side - HANG);
  const w = Math.min(96, Math.max(MIN_CELL, Math.floor(room / Math.max(1, b.columns.length))));
  return { side, w, h: b.rows.length > 60 ? 16 : 26 };
}

function shorten(c: CanvasRenderingContext2D, text: string, room: number): string {
  if (c.measureText(text).width <= room) return text;
  let n = text.length;
  while (n > 1 && c.measureText(`${text.slice(0, n)}…`).width > room) n--;
  return `${text.slice(0, n)}…`;
}

function cross(c: CanvasRenderingContext2D, x: number, y: number, r: number): void {
  c.lineWidth = 2;
  c.beginPath();
  c.moveTo(x - r, y - r);
  c.lineTo(x + r, y + r);
  c.moveTo(x + r, y - r);
  c.lineTo(x - r, y + r);
  c.stroke();
}

function fillOf(p: Paint, o: Observation | undefined, loss: boolean): string {
  if (!o) return p.sunken!;
  if (o.outcome === 'failed') return p['bad-soft']!;
  if (o.outcome === 'unmeasured') return p['warn-soft']!;
  const level = loss ? Math.min(1, (o.loss ?? 0) / 25) : heat(o.latency);
  return p[`heat${Math.min(4, Math.floor(level * 5))}`]!;
}

// A bandwidth is told in megabits.
function figureOf(o: Observation, loss: boolean): string {
  if (loss) return brief(o.loss);
  return o.type === 'bandwidth' ? `${brief(o.mbit)} M` : brief(o.latency);
}

function drawCell(
  c: CanvasRenderingContext2D,
  p: Paint,
  cell: Cell | undefined,
  loss: boolean,
  x: number,
  y: number,
  l: Layout,
): void {
  const o = cell?.last;
  c.fillStyle = fillOf(p, o, loss);
  c.fillRect(x + 1, y + 1, l.w - 2, l.h - 2);
  if (!o) return;
  const cx = x + l.w / 2;
  const cy = y + l.h / 2;
  if (o.outcome === 'failed') {
    c.strokeStyle = p.bad!;
    cross(c, cx, cy, Math.min(5, l.h / 2 - 4));
  } else if (o.outcome === 'unmeasured') {
    c.fillStyle = p.warn!;
    c.fillRect(cx - 5, cy - 1.5, 10, 3);
  } else if (l.w >= 44 && l.h >= 20) {
    c.fillStyle = p.text!;
    c.textAlign = 'center';
    c.fillText(figureOf(o, loss), cx, cy);
  }
  if (o.outcome === 'ok' && (o.loss ?? 0) > 0) {
    c.fillStyle = p.bad!;
    c.beginPath();
    c.moveTo(x + l.w - 9, y + 1);
    c.lineTo(x + l.w - 1, y + 1);
    c.lineTo(x + l.w - 1, y + 9);
    c.fill();
  }
}

// Where a schedule asks for the same as another, its name tells them apart.
export function titles(columns: Column[], nameOf: (schedule: string) => string): string[] {
  const times = new Map<string, number>();
  for (const c of columns) times.set(c.name, (times.get(c.name) ?? 0) + 1);
  return columns.map((c) =>
    times.get(c.name) === 1 ? c.target : `${c.schedule ? nameOf(c.schedule) : 'once'}, ${c.target}`,
  );
}

interface View {
  width: number; // of what is seen, names and head included
  height: number;
  x: number; // scrolled by
  y: number;
}

interface Drawing {
  c: CanvasRenderingContext2D;
  p: Paint;
  b: Board;
  l: Layout;
  v: View;
  loss: boolean;
  chosen: string;
  titles: string[];
}

function drawHead({ c, p, b, l, v, titles }: Drawing): void {
  c.textAlign = 'left';
  b.columns.forEach((column, i) => {
    const x = l.side + i * l.w - v.x;
    if (x > v.width || x + l.w < l.side) return;
    c.save();
    c.translate(x + l.w / 2 - 4, HEAD - 6);
    c.rotate(-Math.PI / 5);
    c.fillStyle = p.muted!;
    c.fillText(column.type, 0, 0);
    const after = c.measureText(`${column.type} `).width;
    c.fillStyle = p.text!;
    c.fillText(shorten(c, titles[i] ?? column.target, 132 - after), after, 0);
    c.restore();
  });
}

function sizeOf(b: Board, l: Layout): { width: number; height: number } {
  return {
    width: l.side + b.columns.length * l.w + HANG,
    height: HEAD + b.rows.length * l.h + 4,
  };
}

function clipped(d: Drawing, x: number, y: number, work: () => void): void {
  const { c, v } = d;
  c.save();
  c.beginPath();
  c.rect(x, y, v.width - x, v.height - y);
  c.clip();
  work();
  c.restore();
}

function drawAt(d: Drawing, r: number, i: number): void {
  const row = d.b.rows[r];
  const column = d.b.columns[i];
  if (!row || !column) return;
  const x = d.l.side + i * d.l.w - d.v.x;
  const y = HEAD + r * d.l.h - d.v.y;
  if (x > d.v.width || x + d.l.w < d.l.side || y > d.v.height || y + d.l.h < HEAD) return;
  drawCell(d.c, d.p, d.b.cell(row.id, column.id), d.loss, x, y, d.l);
  if (cellKey(row.id, column.id) !== d.chosen) return;
  d.c.strokeStyle = d.p.focus!;
  d.c.lineWidth = 2;
  d.c.strokeRect(x + 1, y + 1, d.l.w - 2, d.l.h - 2);
}

// Only what is in sight; names and head stay while the rest is scrolled.
function drawAll(d: Drawing): void {
  const { c, b, l, v, p } = d;
  c.clearRect(0, 0, v.width, v.height);
  clipped(d, l.side - 20, 0, () => drawHead(d));
  const first = Math.floor(v.y / l.h);
  const end = Math.min(b.rows.length, Math.ceil((v.y + v.height - HEAD) / l.h));
  c.textAlign = 'left';
  c.fillStyle = p.text!;
  clipped(d, 0, HEAD, () => {
    for (let r = first; r < end; r++)
      c.fillText(shorten(c, b.rows[r]?.name ?? '', l.side - 12), 4, HEAD + (r + 0.5) * l.h - v.y);
  });
  const left = Math.floor(v.x / l.w);
  const right = Math.min(b.columns.length, Math.ceil((v.x + v.width - l.side) / l.w));
  clipped(d, l.side, HEAD, () => {
    for (let r = first; r < end; r++) for (let i = left; i < right; i++) drawAt(d, r, i);
  });
}

// Those of the cells that are in sight, over what is there.
function drawSome(d: Drawing, cells: Cell[], at: Places): void {
  clipped(d, d.l.side, HEAD, () => {
    for (const cell of cells) {
      const r = at.rows.get(cell.row.id);
      const i = at.columns.get(cell.column.id);
      if (r === undefined || i === undefined) continue;
      const x = d.l.side + i * d.l.w - d.v.x;
      const y = HEAD + r * d.l.h - d.v.y;
      if (y + d.l.h < HEAD || y > d.v.height || x > d.v.width) continue;
      d.c.fillStyle = d.p.panel!;
      d.c.fillRect(x, y, d.l.w, d.l.h);
      drawAt(d, r, i);
    }
  });
}

interface Places {
  rows: Map<string, number>;
  columns: Map<string, number>;
}

function placesOf(b: Board): Places {
  return {
    rows: new Map(b.rows.map((r, i) => [r.id, i])),
    columns: new Map(b.columns.map((c, i) => [c.id, i])),
  };
}

function fit(canvas: HTMLCanvasElement, v: View): CanvasRenderingContext2D | null {
  const ratio = devicePixelRatio || 1;
  const [width, height] = [Math.round(v.width * ratio), Math.round(v.height * ratio)];
  const c = canvas.getContext('2d');
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
    canvas.style.width = `${v.width}px`;
    canvas.style.height = `${v.height}px`;
  }
  c?.setTransform(ratio, 0, 0, ratio, 0, 0);
  if (c) {
    c.font = FONT;
    c.textBaseline = 'middle';
  }
  return c;
}

function step(b: Board, at: Places, chosen: string, dr: number, dc: number): string {
  const [node = '', column = ''] = chosen.split('\n');
  const r = at.rows.get(node) ?? -1;
  const i = at.columns.get(column) ?? -1;
  const row = b.rows[Math.min(b.rows.length - 1, Math.max(0, r + dr))];
  const to = b.columns[Math.min(b.columns.length - 1, Math.max(0, i + dc))];
  return row && to ? cellKey(row.id, to.id) : '';
}

const KEYS: Record<string, [number, number]> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

// `order` rises when rows or columns were sorted anew, `tick` when cells changed.
export function Matrix(p: {
  board: Board;
  order: number;
  tick: number;
  loss: boolean;
  chosen: string;
  choose: (key: string) => void;
  scheduleName: (id: string) => string;
}): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [room, setRoom] = useState(0);
  const { board: b } = p;
  const l = layoutOf(b, room);
  const size = sizeOf(b, l);
  const at = useMemo(() => placesOf(b), [b, p.order]);
  const heads = useMemo(() => titles(b.columns, p.scheduleName), [b, p.order, p.scheduleName]);
  useLayoutEffect(() => {
    const see = new ResizeObserver((e) => setRoom(Math.floor(e[0]?.contentRect.width ?? 0)));
    if (box.current) see.observe(box.current);
    return () => see.disconnect();
  }, []);
  const drawing = (): Drawing | null => {
    const el = box.current;
    if (!el || !canvas.current || !room) return null;
    const v = {
      width: Math.min(size.width, el.clientWidth),
      height: Math.min(size.height, el.clientHeight),
      x: el.scrollLeft,
      y: el.scrollTop,
    };
    const c = fit(canvas.current, v);
    return c && { c, p: paints(), b, l, v, loss: p.loss, chosen: p.chosen, titles: heads };
  };
  const whole = (): void => {
    b.takeDirty();
    const d = drawing();
    if (d) drawAll(d);
  };
  useEffect(whole, [b, p.order, p.loss, p.chosen, room, theme.value, heads]);
  useEffect(() => {
    const cells = b.takeDirty();
    const d = cells.length ? drawing() : null;
    if (d) drawSome(d, cells, at);
  }, [p.tick]);
  const pointed = (e: MouseEvent): string => {
    const el = box.current;
    if (!el || e.offsetY < HEAD || e.offsetX < l.side) return '';
    const row = b.rows[Math.floor((e.offsetY - HEAD + el.scrollTop) / l.h)];
    const column = b.columns[Math.floor((e.offsetX - l.side + el.scrollLeft) / l.w)];
    return row && column ? cellKey(row.id, column.id) : '';
  };
  const show = (key: string): void => {
    const [node = '', column = ''] = key.split('\n');
    const y = (at.rows.get(node) ?? 0) * l.h;
    const x = (at.columns.get(column) ?? 0) * l.w;
    const el = box.current;
    if (!el) return;
    el.scrollTop = Math.min(y, Math.max(el.scrollTop, y + l.h + HEAD - el.clientHeight));
    el.scrollLeft = Math.min(x, Math.max(el.scrollLeft, x + l.w + l.side - el.clientWidth));
  };
  const key = (e: KeyboardEvent): void => {
    const d = KEYS[e.key];
    if (!d) return;
    e.preventDefault();
    const next = step(b, at, p.chosen, ...d);
    p.choose(next);
    show(next);
  };
  return (
    <>
      <div class="matrix" ref={box} onScroll={whole}>
        <div style={{ width: `${size.width}px`, height: `${size.height}px` }}>
          <canvas
            ref={canvas}
            tabIndex={0}
            role="application"
            aria-label={`Matrix of ${b.rows.length} nodes and ${b.columns.length} targets; arrow keys choose a pair`}
            onKeyDown={key}
            onClick={(e) => p.choose(pointed(e))}
          />
        </div>
      </div>
      <div class="legend">
        <span>
          <span class="swatch" /> {p.loss ? '0 to 25 % loss' : '3 ms to 1 s, figures in ms'}
        </span>
        <span>
          <b class="s-failed">×</b> the target failed
        </span>
        <span>
          <b class="s-unmeasured">▬</b> could not measure
        </span>
        <span>
          <b class="s-failed">◥</b> some loss
        </span>
      </div>
    </>
  );
}
