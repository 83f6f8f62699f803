// SPDX-License-Identifier: Apache-2.0
// Series: one smoke chart a node for a target, all on one time axis, from the results that this
// page has seen or read back.
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { dateTime, ms, percent, place, plural } from '../format.ts';
import { quantile } from '../observe.ts';
import { Beats, Csv, Empty } from '../parts.tsx';
import { href, param, set } from '../route.ts';
import { pointsOf, type RollupAnswer } from '../rollups.ts';
import { Smoke } from '../smoke.tsx';
import { events, listed, nodes, now, observedWhere, optional, pairLists } from '../store.ts';
import type { Node, Observation } from '../types.ts';

const RANGES: [string, string, number][] = [
  ['5m', '5 minutes', 300000],
  ['30m', '30 minutes', 1800000],
  ['1h', '1 hour', 3600000],
  ['6h', '6 hours', 21600000],
];
// Of rollups, where the controller has them.
const LONG: [string, string, number][] = [
  ['1d', 'day', 86400000],
  ['7d', '7 days', 7 * 86400000],
  ['30d', '30 days', 30 * 86400000],
];
const ROLLUPS_FROM_MS = 6 * 3600000;
const AGAIN_MS = 30000;

interface Chosen {
  type: string;
  target: string;
}

// null where single results are to be drawn: the time is short, or there are no rollups.
function useRollups(of: Chosen | undefined, ms: number): Observation[] | null {
  const [points, show] = useState<Observation[] | null>(null);
  useEffect(() => {
    show(null);
    if (!of || ms < ROLLUPS_FROM_MS || !listed.value) return undefined;
    const load = async (): Promise<void> => {
      const query = new URLSearchParams({ by: 'node', since: String(Date.now() - ms), ...of });
      const a = await optional<RollupAnswer>(`/v1/series?${query}`).catch(() => null);
      if (a) show(pointsOf(a, of.type, of.target));
    };
    void load();
    const timer = setInterval(() => void load(), AGAIN_MS);
    return () => clearInterval(timer);
  }, [of?.type, of?.target, ms, listed.value]);
  return points;
}

function targets(): { type: string; target: string }[] {
  const seen = new Map<string, { type: string; target: string }>();
  for (const [o] of pairLists())
    if (o) seen.set(`${o.type}\t${o.target}`, { type: o.type, target: o.target });
  return [...seen.values()].sort(
    (a, b) => a.target.localeCompare(b.target) || a.type.localeCompare(b.type),
  );
}

export function groupOf(n: Node | undefined, by: string): string {
  if (!n || !by) return '';
  if (by === 'region') return n.location.region || 'no region';
  if (by === 'country') return n.location.country || 'no country';
  return n.location.asn ? `AS${n.location.asn} ${n.location.network}` : 'no AS number';
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
  const marks = (events.value ?? [])
    .filter((e) => e.node === last.nodeId)
    .map((e) => ({ at: Date.parse(e.at), text: e.text }));
  return (
    <section class="card plot" aria-label={last.nodeName}>
      <div class="head">
        <h3>{last.nodeName}</h3>
        <span class="muted small">{node ? place(node.location) : ''}</span>
      </div>
      <p class="small muted">{numbers(of)}</p>
      <Smoke of={of} from={from} to={to} events={marks} />
      <Beats of={of} />
    </section>
  );
}

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
  const groups = new Map<string, Observation[][]>();
  for (const list of byNode(of).values()) {
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
    </>
  );
}

export function Series(): JSX.Element {
  const all = targets();
  const chosen =
    all.find((t) => t.target === param('target') && (!param('type') || t.type === param('type'))) ??
    all[0];
  const own = chosen
    ? observedWhere((o) => o.type === chosen.type && o.target === chosen.target)
    : [];
  const oldest = own[0]?.at ?? now.value;
  const ranges = listed.value ? [...RANGES, ...LONG] : RANGES;
  const range =
    ranges.find((r) => r[0] === param('range')) ??
    RANGES.find((r) => now.value - oldest < r[2]) ??
    (RANGES[3] as (typeof RANGES)[number]);
  const step = Math.max(2000, range[2] / 900);
  const to = Math.ceil(now.value / step) * step;
  const from = to - range[2];
  const rollups = useRollups(chosen, range[2]);
  const of = rollups ?? own.filter((o) => o.at >= from);
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
          value={`${chosen.type}\t${chosen.target}`}
          onChange={(e) => {
            const [type = '', target = ''] = e.currentTarget.value.split('\t');
            set({ type, target });
          }}
        >
          {all.map((t) => (
            <option key={`${t.type}\t${t.target}`} value={`${t.type}\t${t.target}`}>
              {t.type} {t.target}
            </option>
          ))}
        </select>
        <select
          aria-label="Range"
          value={range[0]}
          onChange={(e) => set({ range: e.currentTarget.value })}
        >
          {ranges.map((r) => (
            <option key={r[0]} value={r[0]}>
              last {r[1]}
            </option>
          ))}
        </select>
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
            <p>Choose a longer one.</p>
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
      </p>
    </>
  );
}
