// SPDX-License-Identifier: Apache-2.0
// The map: nodes by place, those that would overlap as one, and arcs of a chosen measurement from
// its target's nearest reader, coloured by latency.
import { signal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { get, message } from '../api.ts';
import { distance, HEIGHT, project, WIDTH } from '../earth.ts';
import { ms, place, plural } from '../format.ts';
import { heat } from '../grid.ts';
import { latencyOf, outcomeOf } from '../observe.ts';
import { Empty, Mark } from '../parts.tsx';
import { href, param, set } from '../route.ts';
import { may, nodes } from '../store.ts';
import type { Measurement, Node, Status } from '../types.ts';

const NEAR = 16; // pixels within which nodes are one dot
const RANK: Status[] = [
  'offline',
  'stale',
  'pending',
  'online',
  'disabled',
  'banned',
  'deregistered',
];

// Made by build.mjs: outlines as paths, drawn in steps of a part of a pixel.
interface World {
  steps: number; // a pixel
  land: string[];
  borders: string[];
}
const world = signal<World | null>(null);
const trouble = signal('');

async function loadWorld(): Promise<void> {
  if (world.value) return;
  try {
    world.value = await get<World>('world.json');
  } catch (e) {
    trouble.value = message(e);
  }
}

interface Dot {
  x: number;
  y: number;
  nodes: Node[];
}

export function located(n: Node): boolean {
  const { latitude, longitude } = n.location;
  return (
    Number.isFinite(latitude) && Number.isFinite(longitude) && (latitude !== 0 || longitude !== 0)
  );
}

export function cluster(
  list: Node[],
  where: (n: Node) => [number, number],
  near: number,
): Dot[] {
  const dots: Dot[] = [];
  for (const n of list) {
    const p = where(n);
    const d = dots.find((o) => Math.hypot(o.x - p[0], o.y - p[1]) < near);
    if (d) d.nodes.push(n);
    else dots.push({ x: p[0], y: p[1], nodes: [n] });
  }
  return dots;
}

function worst(list: Node[]): Status {
  return RANK.find((s) => list.some((n) => n.status === s)) ?? 'online';
}

function Shape({ status, r }: { status: Status; r: number }): JSX.Element {
  if (status === 'stale') return <path d={`M0 ${-r} ${r} ${r}H${-r}z`} fill="currentColor" />;
  if (status === 'offline')
    return (
      <path
        d={`M${-r} ${-r} ${r} ${r}M${r} ${-r} ${-r} ${r}`}
        stroke="currentColor"
        stroke-width="3"
        fill="none"
      />
    );
  if (status === 'pending')
    return <path d={`M0 ${-r} ${r} 0 0 ${r} ${-r} 0z`} fill="currentColor" />;
  return <circle r={r} fill="currentColor" />;
}

function DotMark({ d, pick }: { d: Dot; pick: (d: Dot) => void }): JSX.Element {
  const status = worst(d.nodes);
  const many = d.nodes.length > 1;
  const label = many
    ? `${plural(d.nodes.length, 'node')}: ${d.nodes.map((n) => n.name).join(', ')}`
    : `${d.nodes[0]?.name}, ${status}`;
  return (
    <g
      class={`dot s-${status}`}
      transform={`translate(${d.x} ${d.y})`}
      role="button"
      tabIndex={0}
      aria-label={label}
      onClick={() => pick(d)}
      onKeyDown={(e) => (e.key === 'Enter' || e.key === ' ') && pick(d)}
    >
      <title>{label}</title>
      <circle r="13" fill="transparent" />
      <Shape status={status} r={many ? 8 : 6} />
      {many ? (
        <text x="11" y="4" class="count">
          {d.nodes.length}
        </text>
      ) : null}
    </g>
  );
}

// Bent upwards on the map as it is drawn; the shortest way on the globe would leave the map at an
// edge and come back at the other.
function bow(from: [number, number], to: [number, number]): string {
  const a = project(from);
  const b = project(to);
  const lift = Math.hypot(b[0] - a[0], b[1] - a[1]) * 0.22;
  return `M${a[0]} ${a[1]}Q${(a[0] + b[0]) / 2} ${Math.max(8, (a[1] + b[1]) / 2 - lift)} ${b[0]} ${b[1]}`;
}

// Where the target is, nobody says: arcs meet at the node that is nearest to it.
function arcs(m: Measurement | null): JSX.Element[] {
  const seen = (m?.results ?? [])
    .flatMap((r) => {
      const latency = outcomeOf(r.result) === 'ok' ? latencyOf(r.result) : null;
      const { latitude, longitude } = r.probe;
      return latency === null || !latitude || !longitude
        ? []
        : [{ latency, at: [longitude, latitude] as [number, number], name: r.probe.name }];
    })
    .sort((a, b) => a.latency - b.latency);
  const hub = seen[0];
  if (!hub) return [];
  return seen
    .slice(1)
    .filter((s) => distance(s.at, hub.at) > 0.01)
    .map((s) => (
      <path
        key={s.name}
        class={`arc h${Math.min(4, Math.floor(heat(s.latency) * 5))}`}
        d={bow(s.at, hub.at)}
      >
        <title>{`${s.name}: ${ms(s.latency)}`}</title>
      </path>
    ));
}

function Chosen({ m, wrong }: { m: Measurement | null; wrong: string }): JSX.Element | null {
  if (wrong) return <p class="note warn">{wrong}</p>;
  if (!m) return null;
  return (
    <p class="note head">
      <span>
        {m.type} {m.target}: arcs end at the node that is nearest to the target in time.
      </span>
      <span class="row">
        <a class="button" href={href('measure', { id: m.id })}>
          Results
        </a>
        <button type="button" onClick={() => set({ id: '' })}>
          No arcs
        </button>
      </span>
    </p>
  );
}

export function MapView(): JSX.Element {
  const [m, setM] = useState<Measurement | null>(null);
  const [wrong, say] = useState('');
  const [picked, pick] = useState<string[]>([]);
  const id = param('id');
  useEffect(() => void loadWorld(), []);
  useEffect(() => {
    setM(null);
    say('');
    if (id)
      get<Measurement>(`/v1/measurements/${encodeURIComponent(id)}`).then(setM, (e) =>
        say(message(e)),
      );
  }, [id]);
  const dots = cluster(
    nodes.value.filter(located),
    (n) => project([n.location.longitude, n.location.latitude]),
    NEAR,
  );
  const nowhere = nodes.value.filter((n) => !located(n));
  const chosen = nodes.value.filter((n) => picked.includes(n.id));
  return (
    <>
      <div class="head">
        <h1>Map</h1>
        <p class="muted">
          {plural(nodes.value.length - nowhere.length, 'node has', 'nodes have')} a place
        </p>
      </div>
      <Chosen m={m} wrong={wrong} />
      <section class="card map" aria-label="Map of nodes">
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="group" aria-label="World">
          {world.value ? (
            <g transform={`scale(${1 / world.value.steps})`}>
              <path class="land" d={world.value.land.join('')} />
              <path class="borders" d={world.value.borders.join('')} />
            </g>
          ) : null}
          {arcs(m)}
          {dots.map((d) => (
            <DotMark key={d.nodes[0]?.id} d={d} pick={(x) => pick(x.nodes.map((n) => n.id))} />
          ))}
        </svg>
        {trouble.value ? (
          <p class="note warn">The map's outlines are not there: {trouble.value}</p>
        ) : null}
      </section>
      {chosen.length ? <List title="Chosen" list={chosen} /> : null}
      {nowhere.length ? <List title="Nodes without a place" list={nowhere} /> : null}
      {!nodes.value.length ? (
        <div class="card">
          <Empty title="No node yet" />
        </div>
      ) : null}
    </>
  );
}

function List({ title, list }: { title: string; list: Node[] }): JSX.Element {
  return (
    <section class="card" aria-label={title}>
      <h2>{title}</h2>
      {list.map((n) => (
        <p key={n.id} class="row">
          <Mark status={n.status} />
          {may('viewer') ? <a href={href('nodes', { node: n.id })}>{n.name}</a> : n.name}
          <span class="muted">{place(n.location)}</span>
        </p>
      ))}
    </section>
  );
}
