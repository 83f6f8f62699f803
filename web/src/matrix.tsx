// SPDX-License-Identifier: Apache-2.0
// The matrix on a canvas: one cell a node and target. Colour is latency or loss; a failure has a
// cross, what could not be measured a bar. Arrow keys move, the chosen pair is also said as text.
import type { JSX } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { ms, percent } from './format.ts';
import { type Cell, cellKey, type Grid, heat } from './grid.ts';
import { colour, theme } from './theme.ts';

const HEAD = 92;
const MIN_CELL = 20;
const FONT = '12px system-ui, sans-serif';

interface Layout {
  side: number; // width of the names
  w: number;
  h: number;
}

type Paint = Record<string, string>;

function paints(): Paint {
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
  return Object.fromEntries(names.map((n) => [n, colour(n)]));
}

function layoutOf(g: Grid, width: number, narrow: boolean): Layout {
  const side = narrow ? 88 : 150;
  const room = Math.max(0, width - side - 8);
  const w = Math.min(96, Math.max(MIN_CELL, Math.floor(room / Math.max(1, g.columns.length))));
  return { side, w, h: g.rows.length > 60 ? 16 : 26 };
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
  const level = !o ? -1 : loss ? Math.min(1, (o.loss ?? 0) / 25) : heat(o.latency);
  const step = Math.min(4, Math.floor(level * 5));
  c.fillStyle = !o
    ? p.sunken!
    : o.outcome === 'failed'
      ? p['bad-soft']!
      : o.outcome === 'unmeasured'
        ? p['warn-soft']!
        : p[`heat${step}`]!;
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
  } else if (l.w >= 56 && l.h >= 20) {
    c.fillStyle = p.text!;
    c.textAlign = 'center';
    c.fillText(loss ? percent(o.loss) : ms(o.latency), cx, cy);
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

function drawHead(c: CanvasRenderingContext2D, p: Paint, g: Grid, l: Layout): void {
  g.columns.forEach((column, i) => {
    const x = l.side + i * l.w + l.w / 2;
    c.save();
    c.translate(x - 4, HEAD - 8);
    c.rotate(-Math.PI / 5);
    c.textAlign = 'left';
    c.fillStyle = p.muted!;
    c.fillText(column.type, 0, 0);
    const after = c.measureText(column.type).width + 5;
    c.fillStyle = p.text!;
    c.fillText(shorten(c, column.target, 132 - after), after, 0);
    c.restore();
  });
}

interface View {
  width: number; // of what is seen, names and head included
  height: number;
  x: number; // scrolled by
  y: number;
}

function sizeOf(g: Grid, l: Layout): { width: number; height: number } {
  return {
    width: l.side + g.columns.length * l.w + 84,
    height: HEAD + g.rows.length * l.h + 4,
  };
}

function clipped(
  c: CanvasRenderingContext2D,
  x: number,
  y: number,
  v: View,
  work: () => void,
): void {
  c.save();
  c.beginPath();
  c.rect(x, y, v.width - x, v.height - y);
  c.clip();
  work();
  c.restore();
}

// Only what is in sight; names and head stay while the rest is scrolled.
function drawRows(
  c: CanvasRenderingContext2D,
  p: Paint,
  g: Grid,
  loss: boolean,
  l: Layout,
  chosen: string,
  v: View,
): void {
  const first = Math.floor(v.y / l.h);
  const end = Math.min(g.rows.length, Math.ceil((v.y + v.height - HEAD) / l.h));
  for (let r = first; r < end; r++) {
    const row = g.rows[r];
    if (!row) continue;
    const y = HEAD + r * l.h - v.y;
    c.textAlign = 'left';
    c.fillStyle = p.text!;
    c.fillText(shorten(c, row.name, l.side - 12), 4, y + l.h / 2);
    clipped(c, l.side, HEAD, v, () =>
      g.columns.forEach((column, i) => {
        const key = cellKey(row.id, column.key);
        const x = l.side + i * l.w - v.x;
        if (x > v.width || x + l.w < l.side) return;
        drawCell(c, p, g.cells.get(key), loss, x, y, l);
        if (key !== chosen) return;
        c.strokeStyle = p.focus!;
        c.lineWidth = 2;
        c.strokeRect(x + 1, y + 1, l.w - 2, l.h - 2);
      }),
    );
  }
}

function draw(
  canvas: HTMLCanvasElement,
  g: Grid,
  loss: boolean,
  l: Layout,
  chosen: string,
  v: View,
): void {
  const c = canvas.getContext('2d');
  if (!c) return;
  const p = paints();
  const ratio = devicePixelRatio || 1;
  canvas.width = v.width * ratio;
  canvas.height = v.height * ratio;
  canvas.style.width = `${v.width}px`;
  canvas.style.height = `${v.height}px`;
  c.scale(ratio, ratio);
  c.font = FONT;
  c.textBaseline = 'middle';
  clipped(c, l.side - 20, 0, v, () => {
    c.translate(-v.x, 0);
    drawHead(c, p, g, l);
  });
  clipped(c, 0, HEAD, v, () => drawRows(c, p, g, loss, l, chosen, v));
}

function step(g: Grid, chosen: string, dr: number, dc: number): string {
  const r = g.rows.findIndex((row) => chosen.startsWith(`${row.id}\n`));
  const c = g.columns.findIndex((column) => chosen.endsWith(`\n${column.key}`));
  const row = g.rows[Math.min(g.rows.length - 1, Math.max(0, r + dr))];
  const column = g.columns[Math.min(g.columns.length - 1, Math.max(0, c + dc))];
  return row && column ? cellKey(row.id, column.key) : '';
}

const KEYS: Record<string, [number, number]> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

export function Matrix(p: {
  grid: Grid;
  loss: boolean;
  chosen: string;
  choose: (key: string) => void;
}): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [room, setRoom] = useState(0);
  const l = layoutOf(p.grid, room, room < 560);
  const size = sizeOf(p.grid, l);
  useLayoutEffect(() => {
    const see = new ResizeObserver((e) => setRoom(Math.floor(e[0]?.contentRect.width ?? 0)));
    if (box.current) see.observe(box.current);
    return () => see.disconnect();
  }, []);
  const paint = (): void => {
    const b = box.current;
    if (!b || !canvas.current || !room) return;
    const seen = {
      width: Math.min(size.width, b.clientWidth),
      height: Math.min(size.height, b.clientHeight),
    };
    draw(canvas.current, p.grid, p.loss, l, p.chosen, { ...seen, x: b.scrollLeft, y: b.scrollTop });
  };
  useEffect(paint, [p.grid, p.loss, p.chosen, room, theme.value]);
  const pointed = (e: MouseEvent): string => {
    const b = box.current;
    if (!b || e.offsetY < HEAD || e.offsetX < l.side) return '';
    const row = p.grid.rows[Math.floor((e.offsetY - HEAD + b.scrollTop) / l.h)];
    const column = p.grid.columns[Math.floor((e.offsetX - l.side + b.scrollLeft) / l.w)];
    return row && column ? cellKey(row.id, column.key) : '';
  };
  const show = (key: string): void => {
    const b = box.current;
    const y = p.grid.rows.findIndex((row) => key.startsWith(`${row.id}\n`)) * l.h;
    const x = p.grid.columns.findIndex((column) => key.endsWith(`\n${column.key}`)) * l.w;
    if (!b) return;
    b.scrollTop = Math.min(y, Math.max(b.scrollTop, y + l.h + HEAD - b.clientHeight));
    b.scrollLeft = Math.min(x, Math.max(b.scrollLeft, x + l.w + l.side - b.clientWidth));
  };
  const key = (e: KeyboardEvent): void => {
    const d = KEYS[e.key];
    if (!d) return;
    e.preventDefault();
    const next = step(p.grid, p.chosen, ...d);
    p.choose(next);
    show(next);
  };
  const { rows, columns } = p.grid;
  return (
    <>
      <div class="matrix" ref={box} onScroll={paint}>
        <div style={{ width: `${size.width}px`, height: `${size.height}px` }}>
          <canvas
            ref={canvas}
            tabIndex={0}
            role="application"
            aria-label={`Matrix of ${rows.length} nodes and ${columns.length} targets; arrow keys choose a pair`}
            onKeyDown={key}
            onClick={(e) => p.choose(pointed(e))}
          />
        </div>
      </div>
      <div class="legend">
        <span>
          <span class="swatch" /> {p.loss ? '0 to 25 % loss' : '1 ms to 1 s'}
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
