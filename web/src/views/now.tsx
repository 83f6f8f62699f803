// SPDX-License-Identifier: Apache-2.0
// Now: four counters and the matrix of nodes and targets, worst first.
import { computed } from '@preact/signals';
import type { JSX } from 'preact';
import { useCallback, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { clock, count, dateTime, ms, percent, rate } from '../format.ts';
import { Board, type Cell, type Filter, type Group, GROUPS, verdict } from '../grid.ts';
import { live, missed as dropped } from '../live.ts';
import { Matrix } from '../matrix.tsx';
import { Beats, Csv, Empty, Mark } from '../parts.tsx';
import { href, param, set } from '../route.ts';
import {
  events,
  metrics,
  nodes,
  pairLists,
  problems,
  readingBack,
  resultRate,
  role,
  schedules,
  version,
  watch,
  watches,
} from '../store.ts';
import { minute, RangeChoice, rangeAt, within } from '../time.tsx';
import type { Node, Observation } from '../types.ts';

const SORT_MS = 5000;

const byStatus = computed(() => {
  const n = new Map<string, number>();
  for (const node of nodes.value) n.set(node.status, (n.get(node.status) ?? 0) + 1);
  return n;
});

const DAY = 86400000;
const openEvents = computed(() =>
  problems.value
    ? problems.value.filter((p) => p.state === 'open' && !p.silenced).length
    : (events.value ?? []).filter(
        (e) => e.severity !== 'info' && Date.now() - Date.parse(e.at) < DAY,
      ).length,
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
          {readingBack.value ? <span>reading back, at {clock(readingBack.value)}</span> : null}
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
            <a href={href('events')}>{problems.value ? 'problems open' : 'warnings within 24 h'}</a>
          ) : watches() ? (
            'this controller keeps none'
          ) : (
            'are not for your role'
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
          <a
            class="button"
            href={href('series', { target: o.target, type: o.type, schedule: o.schedule })}
          >
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

const facts = (n: Node): string =>
  [n.id, n.name, n.status, ...Object.values(n.location), ...n.tags].join('\t');

// Built anew when the filters, the time or the nodes change; else it follows what comes.
function useBoard(known: Node[], filter: Filter): { board: Board; order: number } {
  const signature = useMemo(() => known.map(facts).join('\n'), [known]);
  const range = rangeAt(Date.now());
  const order = useRef(0);
  const sortedAt = useRef(0);
  const board = useMemo(() => {
    const old = (l: Observation[]): boolean => !l.length || l[l.length - 1]!.at < range.from;
    const lists = [...pairLists()].filter((l) => !old(l));
    sortedAt.current = Date.now();
    return new Board(
      range.fixed ? lists.map((l) => l.filter((o) => within(range, o.at))) : lists,
      known,
      filter,
    );
  }, [signature, JSON.stringify(filter), range.key]);
  useLayoutEffect(() => {
    if (!range.fixed) board.expire(range.from);
  }, [board, minute.value]);
  useLayoutEffect(
    () =>
      range.fixed
        ? undefined
        : watch((lists) => {
            for (const l of lists) board.update(l);
          }),
    [board],
  );
  const { moved } = board;
  if (moved || Date.now() - sortedAt.current > SORT_MS) {
    if (board.sort() || moved) order.current++;
    sortedAt.current = Date.now();
  }
  return { board, order: order.current };
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
  const tick = version.value;
  const known = role.value === 'guest' ? [] : nodes.value;
  const { board, order } = useBoard(known, filter);
  const names = schedules.value;
  const scheduleName = useCallback(
    (id: string) => names?.find((s) => s.id === id)?.name ?? id.slice(-6),
    [names?.map((s) => s.id + s.name).join(' ')],
  );
  const [row = '', column = ''] = chosen.split('\n');
  const cell = board.cell(row, column);
  return (
    <>
      <div class="head">
        <h1>Now</h1>
        <div>
          <p class="muted">{verdict(board)}</p>
          <RangeChoice />
        </div>
      </div>
      <Counters failing={board.failing} pairs={board.size} />
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
              rows={() => rowsOf(board.all())}
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
        {board.size ? (
          <Matrix
            board={board}
            order={order}
            tick={tick}
            loss={loss}
            chosen={chosen}
            choose={choose}
            scheduleName={scheduleName}
          />
        ) : (
          <Empty title={tick ? 'Nothing passes these filters' : 'No results yet'}>
            {tick ? (
              <p>Take some filters away, or look at a longer time.</p>
            ) : (
              <p>
                The matrix fills with <a href={href('measure')}>measurements made here</a>
                {watches() ? (
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
