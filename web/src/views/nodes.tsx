// SPDX-License-Identifier: Apache-2.0
// Nodes: cards or a table, a card beside the pointer, and a drawer with facts and actions.
import { untracked } from '@preact/signals';
import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { ago, bytes, count, ms, percent, place, span } from '../format.ts';
import { Beats, Csv, Empty, Mark } from '../parts.tsx';
import { param, set } from '../route.ts';
import { may, nodes, now, observedBy, schedules, tick } from '../store.ts';
import { minute, RangeChoice, rangeAt, within } from '../time.tsx';
import type { Node, Observation, Status } from '../types.ts';
import { AddNode } from './add_node.tsx';
import { Drawer } from './drawer.tsx';

const CARDS = 60; // at first
const ORDER: Status[] = [
  'pending',
  'offline',
  'stale',
  'online',
  'disabled',
  'banned',
  'deregistered',
];

export interface Summary {
  latency: number | null;
  success: number | null;
  mbit: number | null;
  hops: number | null;
}

export function summary(of: Observation[]): Summary {
  const mean = (v: number[]): number | null =>
    v.length ? v.reduce((a, b) => a + b) / v.length : null;
  const known = (v: (number | null | undefined)[]): number[] =>
    v.filter((n): n is number => typeof n === 'number');
  const measured = of.filter((o) => o.outcome !== 'unmeasured');
  return {
    latency: mean(known(of.map((o) => o.latency))),
    success: measured.length
      ? (100 * measured.filter((o) => o.outcome === 'ok').length) / measured.length
      : null,
    mbit: known(of.map((o) => o.mbit)).pop() ?? null,
    hops: known(of.map((o) => o.hops?.length)).pop() ?? null,
  };
}

// Until the first of its schedules is due again; null where no schedule says.
export function nextCheck(id: string): string | null {
  const due = (schedules.value ?? [])
    .filter((s) => !s.paused)
    .flatMap((s) => (s.members ?? []).filter((m) => m.id === id && m.nextDueAt))
    .map((m) => Date.parse(m.nextDueAt as string));
  if (!due.length) return null;
  const left = Math.min(...due) - now.value;
  return left > 500 ? `in ${span(left)}` : 'now';
}

function HoverCard({ node, x, y }: { node: Node; x: number; y: number }): JSX.Element {
  const of = useSeen(node.id);
  const s = summary(of);
  const left = Math.min(x + 12, innerWidth - 290);
  const top = Math.min(y + 12, innerHeight - 270);
  return (
    <div class="card hover" style={{ left: `${left}px`, top: `${top}px` }} aria-hidden="true">
      <div class="head">
        <b>{node.name}</b>
        <Mark status={node.status} />
      </div>
      <dl class="facts small">
        <dt>Latency</dt>
        <dd>{ms(s.latency)}</dd>
        <dt>Success</dt>
        <dd>{percent(s.success)}</dd>
        <dt>Bandwidth</dt>
        <dd>{s.mbit === null ? '–' : `${s.mbit.toFixed(1)} Mbit/s`}</dd>
        <dt>Hops</dt>
        <dd>{s.hops ?? '–'}</dd>
        {node.live ? (
          <>
            <dt>Load</dt>
            <dd>{node.live.load.toFixed(2)}</dd>
            <dt>To controller</dt>
            <dd>{ms(node.live.rttMs)}</dd>
          </>
        ) : null}
        <dt>Next check</dt>
        <dd>{nextCheck(node.id) ?? '–'}</dd>
      </dl>
      <Beats of={of} />
    </div>
  );
}

type Hovered = { node: Node; x: number; y: number } | null;

function open(n: Node): void {
  if (may('viewer')) set({ node: n.id });
}

// Of the chosen time, looked up again when there is something new.
function useSeen(id: string): Observation[] {
  const at = tick();
  const range = rangeAt(minute.value * 60000 + 60000);
  return useMemo(
    () => untracked(() => observedBy(id)).filter((o) => within(range, o.at)),
    [id, at, range.key],
  );
}

function Card({ node, hover }: { node: Node; hover: (h: Hovered) => void }): JSX.Element {
  const of = useSeen(node.id);
  return (
    <button
      type="button"
      class="card node-card"
      onClick={() => open(node)}
      disabled={!may('viewer')}
      onMouseMove={(e) => hover({ node, x: e.clientX, y: e.clientY })}
      onMouseLeave={() => hover(null)}
    >
      <span class="head">
        <span class="name">{node.name}</span>
        <span class="row">
          {node.draining ? <span class="tag">{node.drained ? 'drained' : 'draining'}</span> : null}
          <Mark status={node.status} />
        </span>
      </span>
      <span class="muted small">{place(node.location)}</span>
      <span class="small">
        {node.live && node.status !== 'online'
          ? `seen ${ago(node.live.lastSeenMs)}`
          : node.live
          ? `load ${node.live.load.toFixed(2)}, ${count(node.live.active)} running, seen ${ago(node.live.lastSeenMs)}`
          : node.version}
      </span>
      <Beats of={of} />
    </button>
  );
}

const COLUMNS: { title: string; num?: boolean; of: (n: Node) => string | number | null }[] = [
  { title: 'Name', of: (n) => n.name },
  { title: 'Status', of: (n) => n.status },
  { title: 'Place', of: (n) => place(n.location) },
  {
    title: 'Network',
    of: (n) =>
      [n.location.network, n.location.asn ? `AS${n.location.asn}` : ''].filter(Boolean).join(' ') ||
      '–',
  },
  { title: 'Priority', num: true, of: (n) => n.priority ?? null },
  { title: 'Load', num: true, of: (n) => n.live?.load ?? null },
  { title: 'To controller', num: true, of: (n) => n.live?.rttMs ?? null },
  { title: 'Spool', num: true, of: (n) => n.live?.spoolCount ?? null },
  { title: 'Stored', num: true, of: (n) => n.live?.resultsStored ?? null },
  { title: 'Version', of: (n) => n.version ?? '–' },
];

function shown(title: string, v: string | number | null): string {
  if (v === null) return '–';
  if (title === 'To controller') return ms(Number(v));
  return typeof v === 'number' ? (title === 'Load' ? v.toFixed(2) : count(v)) : v;
}

function compare(a: string | number | null, b: string | number | null): number {
  if (typeof a === 'number' && typeof b === 'number') return b - a;
  return String(a ?? '').localeCompare(String(b ?? ''));
}

function Table({ list, hover }: { list: Node[]; hover: (h: Hovered) => void }): JSX.Element {
  const [by, sortBy] = useState('');
  const column = COLUMNS.find((c) => c.title === by);
  const sorted = column ? [...list].sort((a, b) => compare(column.of(a), column.of(b))) : list;
  return (
    <div class="card scroll" tabIndex={0} role="region" aria-label="Table of nodes">
      <table>
        <thead>
          <tr>
            {COLUMNS.map((c) => (
              <th
                key={c.title}
                class={c.num ? 'num' : ''}
                aria-sort={by === c.title ? 'other' : undefined}
              >
                <button type="button" class="plain" onClick={() => sortBy(c.title)}>
                  {c.title}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted.map((n) => (
            <tr
              key={n.id}
              class="pick"
              onClick={() => open(n)}
              onMouseMove={(e) => hover({ node: n, x: e.clientX, y: e.clientY })}
              onMouseLeave={() => hover(null)}
            >
              {COLUMNS.map((c) => (
                <td key={c.title} class={c.num ? 'num' : ''}>
                  {c.title === 'Status' ? (
                    <Mark status={n.status} />
                  ) : c.title === 'Name' && may('viewer') ? (
                    <button type="button" class="plain" onClick={() => open(n)}>
                      {n.name}
                    </button>
                  ) : (
                    shown(c.title, c.of(n))
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function filtered(): Node[] {
  const text = param('q').toLowerCase();
  const status = param('status');
  return nodes.value
    .filter(
      (n) =>
        (!status || n.status === status) &&
        [n.name, place(n.location), n.location.network, ...n.tags].some((v) =>
          (v ?? '').toLowerCase().includes(text),
        ),
    )
    .sort(
      (a, b) => ORDER.indexOf(a.status) - ORDER.indexOf(b.status) || a.name.localeCompare(b.name),
    );
}

function statusButtons(): JSX.Element[] {
  const present = ORDER.filter((s) => nodes.value.some((n) => n.status === s));
  return present.map((s) => (
    <button
      key={s}
      type="button"
      aria-pressed={param('status') === s}
      onClick={() => set({ status: param('status') === s ? '' : s })}
    >
      <Mark status={s} text={`${nodes.value.filter((n) => n.status === s).length} ${s}`} />
    </button>
  ));
}

function csvRows(list: Node[]): unknown[][] {
  return list.map((n) => [
    n.id,
    ...COLUMNS.map((c) => c.of(n)),
    n.live ? bytes(n.live.spoolBytes) : '',
  ]);
}

export function Nodes(): JSX.Element {
  const [over, hover] = useState<Hovered>(null);
  const [adding, add] = useState(false);
  const [shown, showMore] = useState(CARDS);
  const list = filtered();
  const table = param('as') === 'table';
  const picked =
    may('viewer') ? nodes.value.find((n) => [n.id, n.name].includes(param('node'))) : undefined;
  return (
    <>
      <div class="head">
        <h1>Nodes</h1>
        <div>
          <RangeChoice />
          <div role="group" aria-label="Show as" class="row">
            <button type="button" aria-pressed={!table} onClick={() => set({ as: '' })}>
              Cards
            </button>
            <button type="button" aria-pressed={table} onClick={() => set({ as: 'table' })}>
              Table
            </button>
          </div>
          <Csv
            name="sonde-nodes.csv"
            head={['id', ...COLUMNS.map((c) => c.title), 'spool size']}
            rows={() => csvRows(list)}
          />
          {may('operator') ? (
            <button type="button" class="primary" onClick={() => add(true)}>
              Add a node
            </button>
          ) : null}
        </div>
      </div>
      {adding ? <AddNode close={() => add(false)} /> : null}
      <div class="row">
        <input
          aria-label="Search nodes"
          placeholder="name, place, network, tag"
          size={26}
          value={param('q')}
          onInput={(e) => set({ q: e.currentTarget.value })}
        />
        {statusButtons()}
      </div>
      {!list.length ? (
        <div class="card">
          <Empty title={nodes.value.length ? 'No node passes these filters' : 'No node yet'}>
            <p>
              {nodes.value.length
                ? 'Take some filters away.'
                : may('operator')
                  ? 'Add one: it is one line on the machine that shall measure.'
                  : 'An administrator adds nodes.'}
            </p>
          </Empty>
        </div>
      ) : table ? (
        <Table list={list} hover={hover} />
      ) : (
        <>
          <div class="cards">
            {list.slice(0, shown).map((n) => (
              <Card key={n.id} node={n} hover={hover} />
            ))}
          </div>
          {list.length > shown ? (
            <button type="button" onClick={() => showMore(shown + CARDS)}>
              {count(shown)} of {count(list.length)} are shown: show more
            </button>
          ) : null}
        </>
      )}
      {over && !picked ? <HoverCard {...over} /> : null}
      {picked ? <Drawer node={picked} close={() => set({ node: '' })} /> : null}
    </>
  );
}
