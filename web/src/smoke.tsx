// SPDX-License-Identifier: Apache-2.0
// A smoke chart: the median coloured by loss, bands of the single round trips around it, ticks for
// loss at the base and dashed lines for events.
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { ms } from './format.ts';
import { quantile } from './observe.ts';
import { colour, theme } from './theme.ts';
import type { Observation } from './types.ts';

interface Mark {
  at: number;
  text: string;
}

type Columns = [number[], ...(number | null)[][]];

// Where a band is at a share of the round trips; rollups bring theirs along.
function edge(o: Observation, share: number): number | null {
  if (o.bands) return o.bands[[0, 0.25, 0.75, 1].indexOf(share)] ?? null;
  return o.spread ? quantile(o.spread, share) : o.latency;
}

function median(o: Observation): number | null {
  if (o.outcome !== 'ok') return null;
  return o.spread ? quantile(o.spread, 0.5) : o.latency;
}

export function columns(of: Observation[]): Columns {
  const edges = [1, 0.75, 0.25, 0].map((share) => of.map((o) => edge(o, share)));
  return [of.map((o) => o.at / 1000), ...edges, of.map(median)];
}

function lossOf(o: Observation): number {
  return o.outcome === 'failed' ? 100 : (o.loss ?? 0);
}

function drawOver(u: uPlot, of: Observation[], events: Mark[]): void {
  const c = u.ctx;
  const { top, height } = u.bbox;
  const ratio = devicePixelRatio || 1;
  const dot = Math.max(1, Math.min(2.5, (u.bbox.width / ratio / Math.max(1, of.length)) * 0.35));
  c.save();
  for (const [i, o] of of.entries()) {
    const x = u.valToPos(o.at / 1000, 'x', true);
    const middle = u.data[5]?.[i];
    if (typeof middle === 'number') {
      c.fillStyle = colour(lossOf(o) === 0 ? 'ok' : lossOf(o) < 20 ? 'warn' : 'bad');
      c.beginPath();
      c.arc(x, u.valToPos(middle, 'y', true), dot * ratio, 0, 7);
      c.fill();
    }
    if (lossOf(o) === 0 && o.outcome === 'ok') continue;
    c.fillStyle = colour(o.outcome === 'unmeasured' ? 'warn' : 'bad');
    c.fillRect(x - (dot * ratio) / 2, top + height - 8 * ratio, dot * ratio, 8 * ratio);
  }
  c.strokeStyle = colour('info');
  c.setLineDash([4 * ratio, 4 * ratio]);
  for (const e of events) {
    const x = u.valToPos(e.at / 1000, 'x', true);
    if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) continue;
    c.beginPath();
    c.moveTo(x, top);
    c.lineTo(x, top + height);
    c.stroke();
  }
  c.restore();
}

function hour(seconds: number, all: number[]): string {
  const step = (all[1] ?? 0) - (all[0] ?? 0);
  const at = new Date(seconds * 1000);
  if (step >= 86400) return at.toLocaleDateString('sv-SE').slice(5);
  const text = at.toLocaleTimeString('en-GB');
  return step < 60 ? text : text.slice(0, 5);
}

function axis(size: number): Partial<uPlot.Axis> {
  return {
    stroke: colour('muted'),
    grid: { stroke: colour('line'), width: 1 },
    ticks: { show: false },
    size,
    font: '11px system-ui, sans-serif',
  };
}

interface Live {
  of: Observation[];
  events: Mark[];
  from: number;
  to: number;
  choose: (from: number, to: number) => void; // a time was drawn over the chart
  show?: (v: number) => string; // of the values; ms where it is not given
}

// What is drawn over a chart becomes the range of all of them.
function chosen(u: uPlot, live: Live): void {
  if (u.select.width < 4) return;
  const at = (x: number): number => u.posToVal(x, 'x') * 1000;
  live.choose(at(u.select.left), at(u.select.left + u.select.width));
}

function options(width: number, live: { current: Live }): uPlot.Options {
  const none: uPlot.Series = { stroke: 'transparent', points: { show: false } };
  return {
    width,
    height: 170,
    legend: { show: false },
    cursor: { sync: { key: 'sonde' }, drag: { x: true, y: false, setScale: false } },
    scales: {
      x: {
        range: (_, lo, hi) =>
          live.current ? [live.current.from / 1000, live.current.to / 1000] : [lo, hi],
      },
      y: { range: (_, __, hi) => [0, Math.max(hi * 1.1, 0.1)] },
    },
    axes: [
      { ...axis(26), values: (_, v) => v.map((n) => hour(n, v)) },
      { ...axis(74), values: (_, v) => v.map((n) => (n ? (live.current?.show ?? ms)(n) : '0')) },
    ],
    series: [
      {},
      none,
      none,
      none,
      none,
      { stroke: colour('muted'), width: 1, points: { show: false }, spanGaps: false },
    ],
    bands: [
      { series: [1, 4], fill: `${colour('off')}2b` },
      { series: [2, 3], fill: `${colour('off')}45` },
    ],
    hooks: {
      draw: [(u) => drawOver(u, live.current.of, live.current.events)],
      setSelect: [(u) => chosen(u, live.current)],
    },
  };
}

export function Smoke(p: Live): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const live = useRef<Live>(p);
  live.current = p;
  useEffect(() => {
    const el = box.current;
    if (!el) return undefined;
    plot.current = new uPlot(
      options(el.clientWidth || 300, live),
      columns(live.current.of) as uPlot.AlignedData,
      el,
    );
    const see = new ResizeObserver(() =>
      plot.current?.setSize({ width: el.clientWidth, height: 170 }),
    );
    see.observe(el);
    return () => {
      see.disconnect();
      plot.current?.destroy();
    };
  }, [theme.value]);
  useEffect(
    () => plot.current?.setData(columns(p.of) as uPlot.AlignedData),
    [p.of.length, p.from, p.to],
  );
  const last = p.of[p.of.length - 1];
  return (
    <div
      ref={box}
      role="img"
      aria-label={`${p.of.length} rounds; the last: ${last?.latency == null ? 'none' : (p.show ?? ms)(last.latency)}`}
    />
  );
}
