// SPDX-License-Identifier: Apache-2.0
// Now: four counters and the matrix of nodes and targets, worst first.
import { computed } from '@preact/signals';
import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { count, dateTime, ms, percent, rate } from '../format.ts';
import { type Cell, grid, type Group, GROUPS, verdict } from '../grid.ts';
import { live, missed as dropped } from '../live.ts';
import { Matrix } from '../matrix.tsx';
import { Beats, Csv, Empty, Mark } from '../parts.tsx';
import { href, param, set } from '../route.ts';
import {
  events,
  metrics,
  nodes,
  pairLists,
  resultRate,
  role,
  schedules,
  version,
} from '../store.ts';

const byStatus = computed(() => {
  const n = new Map<string, number>();
  for (const node of nodes.value) n.set(node.status, (n.get(node.status) ?? 0) + 1);
  return n;
});

const DAY = 86400000;
const openEvents = computed(
  () =>
    (events.value ?? []).filter((e) => e.severity !== 'info' && Date.now() - Date.parse(e.at) < DAY)
      .length,
);

function Counters({ failing, pairs }: { failing: number; pairs: number }): JSX.Element {
  const order = ['online', 'stale', 'offline', 'pending', 'disabled', 'deregistered'];
  const waiting = metrics.value.get('sonde_tasks_waiting');
  const missing = (schedules.value ?? []).reduce((sum, s) => sum + s.missing, 0);
  return (
    <div class="counters">
      <section class="card counter" aria-label="Nodes">
        <h2>Nodes</h2>
        <span class="value">
          {count(byStatus.value.get('online') ?? 0)}
          <span class="muted small"> of {count(nodes.value.length)} online</span>
        </span>
        <span class="detail">
          {order
            .slice(1)
            .filter((s) => byStatus.value.get(s))
            .map((s) => (
              <Mark key={s} status={s} text={`${byStatus.value.get(s)} ${s}`} />
            ))}
        </span>
      </section>
      <section class="card counter" aria-label="Failing">
        <h2>Failing</h2>
        <span class={`value ${failing ? 's-failed' : ''}`}>{pairs ? count(failing) : '–'}</span>
        <span class="detail">
          {pairs ? `of ${count(pairs)} pairs of node and target` : 'nothing observed yet'}
        </span>
      </section>
      <section class="card counter" aria-label="Results">
        <h2>Results</h2>
        <span class="value">
          {rate(resultRate.value)}
          <span class="muted small"> a second</span>
        </span>
        <span class="detail">
          {count(metrics.value.get('sonde_results_stored_total'))} stored
          {waiting ? `, ${count(waiting)} tasks waiting` : ''}
          {missing ? `, ${count(missing)} missing` : ''}
          <span>{live.value ? 'live' : 'asked for every 2 s'}</span>
          {dropped.value ? (
            <span class="s-warning">{count(dropped.value)} left out for this slow browser</span>
          ) : null}
        </span>
      </section>
      <section class="card counter" aria-label="Events">
        <h2>Events</h2>
        <span class="value">{events.value ? count(openEvents.value) : '–'}</span>
        <span class="detail">
          {events.value ? (
            <a href={href('events')}>warnings within 24 h</a>
          ) : role.value === 'admin' ? (
            'this controller keeps none'
          ) : (
            'need a login'
          )}
        </span>
      </section>
    </div>
  );
}

function Detail({ cell }: { cell: Cell }): JSX.Element {
  const o = cell.last;
  return (
    <section class="card" aria-label="Chosen pair" aria-live="polite">
      <div class="head">
        <h2>
          {o.nodeName} → {o.type} {o.target}
        </h2>
        <div>
          <a class="button" href={href('series', { target: o.target, type: o.type })}>
            Series
          </a>
          {o.hops ? (
            <a class="button" href={href('paths', { target: o.target })}>
              Path
            </a>
          ) : null}
          <a class="button" href={href('measure', { id: o.measurement })}>
            Result
          </a>
        </div>
      </div>
      <p class="row">
        <Mark
          status={o.outcome}
          text={
            o.outcome === 'ok'
              ? 'measured'
              : o.outcome === 'failed'
                ? 'the target failed'
                : 'could not measure'
          }
        />
        <span>{ms(o.latency)}</span>
        <span>loss {percent(o.loss)}</span>
        <span class="muted">{dateTime(o.at)}</span>
      </p>
      {o.why ? <p class="mono">{o.why}</p> : null}
      <Beats of={cell.recent} />
    </section>
  );
}

function rowsOf(cells: Iterable<Cell>): unknown[][] {
  return [...cells].map(({ last: o }) => [
    o.nodeName,
    o.type,
    o.target,
    o.outcome,
    o.latency,
    o.loss,
    new Date(o.at).toISOString(),
    o.why,
  ]);
}

export function Now(): JSX.Element {
  const [chosen, choose] = useState('');
  const group = (GROUPS as readonly string[]).includes(param('type'))
    ? (param('type') as Group)
    : 'All';
  const filter = {
    group,
    node: param('node'),
    target: param('target'),
    over: Number(param('over')) || 0,
    badOnly: param('bad') === '1',
    offline: param('offline') === '1',
  };
  const loss = param('show') === 'loss';
  const known = role.value === 'admin' ? nodes.value : [];
  const g = useMemo(
    () => grid(pairLists(), known, filter),
    [version.value, known, JSON.stringify(filter)],
  );
  const sentence = useMemo(() => verdict(g), [g]);
  const failing = [...g.cells.values()].filter((c) => c.last.outcome !== 'ok').length;
  const cell = g.cells.get(chosen);
  return (
    <>
      <div class="head">
        <h1>Now</h1>
        <p class="muted">{sentence}</p>
      </div>
      <Counters failing={failing} pairs={g.cells.size} />
      <section class="card" aria-label="Nodes and targets">
        <div class="head">
          <div role="group" aria-label="Types">
            {GROUPS.map((n) => (
              <button
                key={n}
                type="button"
                aria-pressed={n === group}
                onClick={() => set({ type: n === 'All' ? '' : n })}
              >
                {n}
              </button>
            ))}
          </div>
          <div role="group" aria-label="Show">
            <button type="button" aria-pressed={!loss} onClick={() => set({ show: '' })}>
              Latency
            </button>
            <button type="button" aria-pressed={loss} onClick={() => set({ show: 'loss' })}>
              Loss
            </button>
            <Csv
              name="sonde-now.csv"
              head={['node', 'type', 'target', 'outcome', 'ms', 'loss %', 'at', 'why']}
              rows={() => rowsOf(g.cells.values())}
            />
          </div>
        </div>
        <div class="row filters">
          <input
            aria-label="Nodes with"
            placeholder="nodes: name, place, tag"
            value={filter.node}
            onInput={(e) => set({ node: e.currentTarget.value })}
          />
          <input
            aria-label="Targets with"
            placeholder="targets"
            value={filter.target}
            onInput={(e) => set({ target: e.currentTarget.value })}
          />
          <input
            aria-label="At least this many milliseconds"
            placeholder="at least … ms"
            inputMode="numeric"
            size={11}
            value={filter.over || ''}
            onInput={(e) => set({ over: e.currentTarget.value })}
          />
          <label class="check">
            <input
              type="checkbox"
              checked={filter.badOnly}
              onChange={(e) => set({ bad: e.currentTarget.checked ? '1' : '' })}
            />
            failures only
          </label>
          <label class="check">
            <input
              type="checkbox"
              checked={filter.offline}
              onChange={(e) => set({ offline: e.currentTarget.checked ? '1' : '' })}
            />
            include offline
          </label>
        </div>
        {g.cells.size ? (
          <Matrix grid={g} loss={loss} chosen={chosen} choose={choose} />
        ) : (
          <Empty title={version.value ? 'Nothing passes these filters' : 'No results yet'}>
            {version.value ? (
              <p>Take some filters away.</p>
            ) : (
              <p>
                The matrix fills with <a href={href('measure')}>measurements made here</a>
                {role.value === 'admin' ? (
                  <>
                    {' '}
                    and with <a href={href('schedules')}>schedules</a>
                  </>
                ) : null}
                .
              </p>
            )}
          </Empty>
        )}
      </section>
      {cell ? <Detail cell={cell} /> : null}
    </>
  );
}
