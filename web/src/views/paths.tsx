// SPDX-License-Identifier: Apache-2.0
// Paths: the traceroutes of all nodes to one target as one graph, at a time of choice, and what
// changed since an hour before.
import type { JSX } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { clock, dateTime, ms, percent, plural } from '../format.ts';
import { Empty, Options } from '../parts.tsx';
import { difference, type PathGraph, pathGraph, pathsAt, type Vertex } from '../path.ts';
import { href, param, set } from '../route.ts';
import { now, observedWhere } from '../store.ts';
import { colour, theme } from '../theme.ts';
import { RangeChoice, rangeAt, within } from '../time.tsx';
import type { Observation } from '../types.ts';

const COLUMN = 148; // at least
const ROW = 46;
const HOUR = 3600000;

interface Place {
  v: Vertex;
  x: number;
  y: number;
}

interface Places {
  all: Map<string, Place>;
  column: number;
  width: number;
  height: number;
}

function places(g: PathGraph, room: number): Places {
  const sizes = new Map<number, number>();
  for (const v of g.vertices.values()) sizes.set(v.layer, (sizes.get(v.layer) ?? 0) + 1);
  const height = Math.max(2, ...sizes.values()) * ROW + 20;
  const all = new Map<string, Place>();
  const column = Math.max(COLUMN, Math.floor((room - 150) / Math.max(1, g.layers - 1)));
  for (const v of g.vertices.values())
    all.set(v.key, { v, x: 70 + v.layer * column, y: 10 + v.y * (height - 20) });
  return { all, column, width: Math.max(1, g.layers - 1) * column + 150, height };
}

function edges(
  c: CanvasRenderingContext2D,
  g: PathGraph,
  at: Map<string, Place>,
  column: number,
): void {
  c.strokeStyle = colour('muted');
  c.globalAlpha = 0.55;
  for (const e of g.edges.values()) {
    const a = at.get(e.from);
    const b = at.get(e.to);
    if (!a || !b) continue;
    c.lineWidth = Math.min(7, 1 + e.weight);
    c.beginPath();
    c.moveTo(a.x, a.y);
    c.bezierCurveTo(a.x + column / 2, a.y, b.x - column / 2, b.y, b.x, b.y);
    c.stroke();
  }
  c.globalAlpha = 1;
}

const FILL: Record<Vertex['kind'], string> = {
  node: 'accent',
  hop: 'off',
  silent: 'panel',
  target: 'ok',
};

function vertex(c: CanvasRenderingContext2D, p: Place, slow: boolean, picked: boolean): void {
  const r = p.v.kind === 'node' || p.v.kind === 'target' ? 8 : 6;
  c.beginPath();
  if (p.v.kind === 'node') c.rect(p.x - r, p.y - r, 2 * r, 2 * r);
  else c.arc(p.x, p.y, r, 0, 7);
  c.fillStyle = colour(FILL[p.v.kind]);
  c.fill();
  c.lineWidth = 1.5;
  c.strokeStyle = colour('muted');
  if (p.v.kind === 'silent') c.stroke();
  if ((p.v.loss ?? 0) > 0 || picked) {
    c.beginPath();
    c.arc(p.x, p.y, r + 4, 0, 7);
    c.lineWidth = 2.5;
    c.strokeStyle = colour(picked ? 'focus' : 'bad');
    c.stroke();
  }
  c.fillStyle = colour(slow ? 'bad' : 'text');
  c.font = `${slow ? 'bold ' : ''}11px system-ui, sans-serif`;
  c.textAlign = 'center';
  const label = p.v.label.length > 20 ? `${p.v.label.slice(0, 19)}…` : p.v.label;
  c.fillText(label, p.x, p.y + r + 12);
}

function Graph({ g }: { g: PathGraph }): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [picked, pick] = useState('');
  const box = useRef<HTMLDivElement>(null);
  const [room, setRoom] = useState(0);
  useLayoutEffect(() => {
    const see = new ResizeObserver((e) => setRoom(Math.floor(e[0]?.contentRect.width ?? 0)));
    if (box.current) see.observe(box.current);
    return () => see.disconnect();
  }, []);
  const { all, column, width, height } = places(g, room);
  useEffect(() => {
    const el = canvas.current;
    const c = el?.getContext('2d');
    if (!el || !c) return;
    const ratio = devicePixelRatio || 1;
    el.width = width * ratio;
    el.height = (height + 16) * ratio;
    el.style.width = `${width}px`;
    el.style.height = `${height + 16}px`;
    c.scale(ratio, ratio);
    edges(c, g, all, column);
    for (const p of all.values()) vertex(c, p, p.v.key === g.bottleneck, p.v.key === picked);
  }, [g, picked, room, theme.value]);
  const find = (e: MouseEvent): void => {
    const near = [...all.values()].find((p) => Math.hypot(p.x - e.offsetX, p.y - e.offsetY) < 14);
    pick(near?.v.key ?? '');
  };
  const v = g.vertices.get(picked);
  return (
    <>
      <div class="graph" ref={box} tabIndex={0} role="region" aria-label="Path graph, scrolls sideways">
        <canvas
          ref={canvas}
          role="img"
          aria-label={`${g.vertices.size} places on the way`}
          onClick={find}
        />
      </div>
      <p class="legend" role="status">
        {v
          ? `${v.label}: hop ${v.layer}, ${ms(v.rtt)}, loss ${percent(v.loss)}, on ${plural(v.seen, 'path')}`
          : 'Choose a place to read it; a red ring is loss, bold red is where most time is added, hollow is silent.'}
      </p>
    </>
  );
}

function Hops({ of }: { of: Observation[] }): JSX.Element {
  return (
    <section class="card scroll" tabIndex={0} role="region" aria-label="Hops">
      <table>
        <thead>
          <tr>
            <th>Node</th>
            <th class="num">Hop</th>
            <th>Address</th>
            <th class="num">Round trip</th>
            <th class="num">Loss</th>
          </tr>
        </thead>
        <tbody>
          {of.flatMap((o) =>
            (o.hops ?? []).map((h, i) => (
              <tr key={`${o.nodeId} ${i}`}>
                <td>
                  {i ? (
                    ''
                  ) : (
                    <>
                      {o.nodeName}{' '}
                      <a class="small" href={href('measure', { id: o.measurement })}>
                        {clock(o.at)}
                      </a>
                    </>
                  )}
                </td>
                <td class="num">{h.ttl}</td>
                <td class="mono">
                  {h.name ? `${h.name} (${h.address})` : (h.address ?? '*')}
                  {h.asn.length ? ` AS${h.asn.join(', AS')}` : ''}
                </td>
                <td class="num">{ms(h.rtt)}</td>
                <td class="num">{percent(h.loss)}</td>
              </tr>
            )),
          )}
        </tbody>
      </table>
    </section>
  );
}

export function Paths(): JSX.Element {
  const range = rangeAt(now.value);
  const known = observedWhere((o) => o.type === 'traceroute' || o.type === 'mtr').filter(
    (o) => o.hops,
  );
  const all = known.filter((o) => within(range, o.at));
  const targets = [...new Set(all.map((o) => o.target))].sort();
  const target = targets.includes(param('target')) ? param('target') : targets[0];
  if (!target)
    return (
      <>
        <div class="head">
          <h1>Paths</h1>
          <RangeChoice />
        </div>
        <div class="card">
          <Empty title={known.length ? 'No path in this time' : 'No path yet'}>
            <p>
              Paths come from <a href={href('measure', { type: 'traceroute' })}>traceroute</a> and{' '}
              <a href={href('measure', { type: 'mtr' })}>mtr</a>, once or by a schedule.
            </p>
          </Empty>
        </div>
      </>
    );
  const own = all.filter((o) => o.target === target);
  const times = [...new Set(own.map((o) => o.at))].sort((a, b) => a - b);
  const wanted = Number(param('at')) || Infinity;
  const index = Math.max(0, times.findLastIndex((t) => t <= wanted));
  const at = times[index] ?? 0;
  const shown = pathsAt(own, at);
  const changes = difference(
    shown,
    pathsAt(
      known.filter((o) => o.target === target),
      at - HOUR,
    ),
  );
  return (
    <>
      <div class="head">
        <h1>Paths</h1>
        <div>
          <p class="muted">
            {plural(shown.length, 'path')} to {target}
          </p>
          <RangeChoice />
        </div>
      </div>
      <div class="row">
        <select
          aria-label="Target"
          value={target}
          onChange={(e) => set({ target: e.currentTarget.value, at: '' })}
        >
          <Options of={targets} />
        </select>
        {times.length > 1 ? (
          <label class="check">
            <span>At</span>
            <input
              type="range"
              min={0}
              max={times.length - 1}
              value={index}
              onInput={(e) =>
                set({
                  at:
                    Number(e.currentTarget.value) === times.length - 1
                      ? ''
                      : String(times[Number(e.currentTarget.value)]),
                })
              }
            />
          </label>
        ) : null}
        <span class="muted">
          {dateTime(at)}
          {index === times.length - 1 ? ', the newest' : ''}
        </span>
      </div>
      <section class="card" aria-label="Graph">
        <Graph g={pathGraph(shown)} />
      </section>
      {changes.length ? (
        <section class="card" aria-label="Changes">
          <h2>Since an hour before</h2>
          {changes.map((c) => (
            <p key={c.node}>
              <b>{c.node}</b> {c.text}
            </p>
          ))}
        </section>
      ) : null}
      <Hops of={shown} />
    </>
  );
}
