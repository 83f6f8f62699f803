// SPDX-License-Identifier: Apache-2.0
// Series: one smoke chart a node for a target, all on one time axis, from the results that this
// page has seen or read back.
import { untracked } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { dateTime, mbit, ms, percent, place, plural } from '../format.ts';
import { columnKey, isBad } from '../grid.ts';
import { quantile } from '../observe.ts';
import { Beats, Csv, Empty } from '../parts.tsx';
import { href, param, set } from '../route.ts';
import { pointsOf, type RollupAnswer } from '../rollups.ts';
import { Smoke } from '../smoke.tsx';
import {
  events,
  listed,
  nodes,
  now,
  observedOf,
  optional,
  pairCount,
  pairLists,
  schedules,
  tick,
} from '../store.ts';
import { type Range, RangeChoice, rangeAt, setFixed, within } from '../time.tsx';
import type { Node, Observation } from '../types.ts';

const ROLLUPS_FROM_MS = 3600000; // longer than results are kept here, or longer ago
const AGAIN_MS = 30000;
const openedAt = Date.now();

interface Chosen {
  type: string;
  target: string;
  schedule: string;
}

// null where single results are to be drawn: the time is short, or there are no rollups.
// Of one schedule only where there are several: what was stored by an older controller is not told apart.
function useRollups(of: Chosen | undefined, range: Range, apart: boolean): Observation[] | null {
  const [points, show] = useState<Observation[] | null>(null);
  const long = range.fixed
    ? range.from < openedAt - ROLLUPS_FROM_MS
    : range.to - range.from > ROLLUPS_FROM_MS;
  useEffect(() => {
    show(null);
    if (!of || !long || !listed.value) return undefined;
    const back = range.to - range.from;
    const load = async (): Promise<void> => {
      const query = new URLSearchParams({
        by: 'node',
        since: String(Math.round(range.fixed ? range.from : Date.now() - back)),
        type: of.type,
        target: of.target,
      });
      if (apart) query.set('schedule', of.schedule || 'none');
      if (range.fixed) query.set('until', String(Math.round(range.to)));
      const a = await optional<RollupAnswer>(`/v1/series?${query}`).catch(() => null);
      if (a) show(pointsOf(a, of.type, of.target));
    };
    void load();
    if (range.fixed) return undefined;
    const timer = setInterval(() => void load(), AGAIN_MS);
    return () => clearInterval(timer);
  }, [of && keyOf(of), apart, range.key, listed.value]);
  return points;
}

const keyOf = (c: Chosen): string => columnKey(c.type, c.target, c.schedule);

function targets(): Chosen[] {
  const seen = new Map<string, Chosen>();
  for (const [o] of pairLists())
    if (o)
      seen.set(columnKey(o.type, o.target, o.schedule), {
        type: o.type,
        target: o.target,
        schedule: o.schedule,
      });
  return [...seen.values()].sort(
    (a, b) =>
      a.target.localeCompare(b.target) ||
      a.type.localeCompare(b.type) ||
      b.schedule.localeCompare(a.schedule),
  );
}

// A link may name less than all three; what is scheduled is meant before what was asked once.
function chosenOf(all: Chosen[]): Chosen | undefined {
  const given: [keyof Chosen, string][] = [
    ['target', param('target')],
    ['type', param('type')],
    ['schedule', param('schedule')],
  ];
  return all.find((t) => given.every(([k, v]) => !v || t[k] === v)) ?? all[0];
}

const hasTwins = (c: Chosen, all: Chosen[]): boolean =>
  all.filter((o) => o.type === c.type && o.target === c.target).length > 1;

function titleOf(c: Chosen, all: Chosen[]): string {
  const name = schedules.value?.find((s) => s.id === c.schedule)?.name;
  return `${c.type} ${c.target}${hasTwins(c, all) ? ` (${c.schedule ? (name ?? `gone, ${c.schedule.slice(-6)}`) : 'once'})` : ''}`;
}

export function groupOf(n: Node | undefined, by: string): string {
  if (!n || !by) return '';
  if (by === 'region') return n.location.region || 'no region';
  if (by === 'country') return n.location.country || 'no country';
  return n.location.asn ? `AS${n.location.asn} ${n.location.network}` : 'no AS number';
}

// A bandwidth is drawn as such; how far the round trip rose meanwhile is said beside it.
function rates(of: Observation[]): Observation[] {
  return of.map((o) => ({ ...o, latency: o.mbit, spread: null }));
}

function rateNumbers(of: Observation[]): string {
  const middle = (v: (number | null | undefined)[]): number | null =>
    quantile(
      v.filter((n): n is number => typeof n === 'number').sort((a, b) => a - b),
      0.5,
    );
  const idle = middle(of.map((o) => o.latency));
  const trips = `, round trip ${ms(idle)} idle, ${ms(middle(of.map((o) => o.loaded)))} under load`;
  return `median ${mbit(middle(of.map((o) => o.mbit)))}${idle === null ? '' : trips}`;
}

function numbers(of: Observation[]): string {
  if (of[0]?.bands) {
    const most = Math.max(...of.map((o) => o.bands?.[3] ?? 0));
    return `most ${ms(most)}, in ${plural(of.length, 'rollup')}`;
  }
  const v = of
    .map((o) => o.latency)
    .filter((l): l is number => l !== null)
    .sort((a, b) => a - b);
  const loss = of
    .map((o) => o.loss ?? (o.outcome === 'failed' ? 100 : null))
    .filter((l): l is number => l !== null);
  const mean = loss.length ? loss.reduce((a, b) => a + b) / loss.length : null;
  return `p50 ${ms(quantile(v, 0.5))}, p95 ${ms(quantile(v, 0.95))}, p99 ${ms(quantile(v, 0.99))}, loss ${percent(mean)}`;
}

function One({ of, from, to }: { of: Observation[]; from: number; to: number }): JSX.Element {
  const last = of[of.length - 1] as Observation;
  const node = nodes.value.find((n) => n.id === last.nodeId);
  const rated = last.type === 'bandwidth' && !last.bands;
  const marks = (events.value ?? [])
    .filter((e) => e.node === last.nodeId)
    .map((e) => ({ at: Date.parse(e.at), text: e.text }));
  return (
    <section class="card plot" aria-label={last.nodeName}>
      <div class="head">
        <h3>{last.nodeName}</h3>
        <span class="muted small">{node ? place(node.location) : ''}</span>
      </div>
      <p class="small muted">{rated ? rateNumbers(of) : numbers(of)}</p>
      <Smoke
        of={rated ? rates(of) : of}
        from={from}
        to={to}
        events={marks}
        choose={setFixed}
        show={rated ? mbit : ms}
      />
      <Beats of={of} />
    </section>
  );
}

const PLOTS = 24; // at first

const badOf = (of: Observation[]): number => of.filter(isBad).length / of.length;

function byNode(of: Observation[]): Map<string, Observation[]> {
  const out = new Map<string, Observation[]>();
  for (const o of of) {
    const list = out.get(o.nodeId);
    if (list) list.push(o);
    else out.set(o.nodeId, [o]);
  }
  return out;
}

function Plots({
  of,
  by,
  from,
  to,
}: {
  of: Observation[];
  by: string;
  from: number;
  to: number;
}): JSX.Element {
  const [shown, showMore] = useState(PLOTS);
  const groups = new Map<string, Observation[][]>();
  const everybody = [...byNode(of).values()];
  const lists = (
    everybody.length > shown
      ? everybody.sort((a, b) => badOf(b) - badOf(a)).slice(0, shown)
      : everybody
  ).sort((a, b) => (a[0]?.nodeName ?? '').localeCompare(b[0]?.nodeName ?? ''));
  for (const list of lists) {
    const g = groupOf(
      nodes.value.find((n) => n.id === list[0]?.nodeId),
      by,
    );
    groups.set(g, [...(groups.get(g) ?? []), list]);
  }
  return (
    <>
      {[...groups]
        .sort((a, b) => a[0].localeCompare(b[0]))
        .map(([name, lists]) => (
          <section key={name} class="fields" aria-label={name || 'All nodes'}>
            {name ? <h2>{name}</h2> : null}
            <div class="plots">
              {lists.map((l) => (
                <One key={l[0]?.nodeId} of={l} from={from} to={to} />
              ))}
            </div>
          </section>
        ))}
      {everybody.length > shown ? (
        <button type="button" onClick={() => showMore(shown + PLOTS)}>
          The worst {shown} of {everybody.length} nodes are shown: show more
        </button>
      ) : null}
    </>
  );
}

export function Series(): JSX.Element {
  const at = tick();
  const all = useMemo(() => untracked(targets), [pairCount.value]);
  const chosen = chosenOf(all);
  const key = chosen ? keyOf(chosen) : '';
  const own = useMemo(() => untracked(() => observedOf(key)), [key, at]);
  const wide = rangeAt(now.value);
  const step = Math.max(2000, (wide.to - wide.from) / 900);
  const range = wide.fixed ? wide : rangeAt(Math.ceil(now.value / step) * step);
  const { from, to } = range;
  const rollups = useRollups(chosen, range, !!chosen && hasTwins(chosen, all));
  const of = rollups ?? own.filter((o) => within(range, o.at));
  const by = param('by');
  if (!chosen)
    return (
      <>
        <div class="head">
          <h1>Series</h1>
        </div>
        <div class="card">
          <Empty title="No results yet">
            <p>
              Charts appear with <a href={href('measure')}>measurements</a> and with schedules.
            </p>
          </Empty>
        </div>
      </>
    );
  return (
    <>
      <div class="head">
        <h1>Series</h1>
        <Csv
          name="sonde-series.csv"
          head={['at', 'node', 'type', 'target', 'outcome', 'ms', 'loss %', 'Mbit/s']}
          rows={() =>
            of.map((o) => [
              new Date(o.at).toISOString(),
              o.nodeName,
              o.type,
              o.target,
              o.outcome,
              o.latency,
              o.loss,
              o.mbit,
            ])
          }
        />
      </div>
      <div class="row">
        <select
          aria-label="Target"
          value={key}
          onChange={(e) => {
            const [type = '', target = '', schedule = ''] = e.currentTarget.value.split('\t');
            set({ type, target, schedule });
          }}
        >
          {all.map((t) => (
            <option key={keyOf(t)} value={keyOf(t)}>
              {titleOf(t, all)}
            </option>
          ))}
        </select>
        <RangeChoice />
        <select
          aria-label="Group by"
          value={by}
          onChange={(e) => set({ by: e.currentTarget.value })}
        >
          <option value="">one group</option>
          <option value="region">by region</option>
          <option value="country">by country</option>
          <option value="asn">by network</option>
        </select>
        <span class="muted small">
          {plural(of.length, rollups ? 'rollup' : 'result')} since {dateTime(from)}
        </span>
      </div>
      {of.length ? (
        <Plots of={of} by={by} from={from} to={to} />
      ) : (
        <div class="card">
          <Empty title="No result in this range">
            <p>
              Choose a longer one. What came before this page was opened is read back for an hour;
              a longer range shows rollups.
            </p>
          </Empty>
        </div>
      )}
      <p class="legend">
        <span>line: median, coloured by loss</span>
        <span>
          {rollups
            ? 'bands: least to most, and the median to 90 %'
            : 'bands: least to most and the middle half of single round trips'}
        </span>
        <span>red ticks: loss or failure</span>
        <span>dashed: events</span>
        <span>draw over a chart to look closer</span>
      </p>
    </>
  );
}
