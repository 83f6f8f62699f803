// SPDX-License-Identifier: Apache-2.0
// Results turned into observations: what one node saw of one target at one time.
import type { Hop, Measurement, Observation, Outcome, Result, ResultRow } from './types.ts';

// Reasons that say nothing about the target: the node, or we, could not measure.
const OURS = new Set([
  'guard',
  'overload',
  'plugin_missing',
  'crashed',
  'node_lost',
  'cancelled',
  'internal',
]);

type Json = Record<string, unknown>;

export function number(v: unknown): number | null {
  return typeof v === 'number' && Number.isFinite(v) ? v : null;
}

export function at(v: unknown, path: string): unknown {
  for (const step of path.split('.')) {
    if (typeof v !== 'object' || v === null) return undefined;
    v = (v as Json)[step];
  }
  return v;
}

export function outcomeOf(r: Result): Outcome | null {
  if (r.status === 'in-progress') return null;
  // Nothing came back of all that was sent: measured, and the target did not answer.
  if (r.status === 'finished' && !r.failure) return lossOf(r) === 100 ? 'failed' : 'ok';
  return OURS.has(String(r.failure ?? 'internal')) ? 'unmeasured' : 'failed';
}

function lastHop(r: Result): Json | null {
  const hops = r.hops;
  if (!Array.isArray(hops) || r.reached === false) return null;
  return (hops[hops.length - 1] as Json | undefined) ?? null;
}

function rtts(v: unknown): number[] {
  if (!Array.isArray(v)) return [];
  return v.map((t) => number(at(t, 'rtt'))).filter((n): n is number => n !== null);
}

const LATENCY = ['stats.avg', 'phases.total', 'timings.total', 'timings.tls', 'rtt.idle.avg'];

export function latencyOf(r: Result): number | null {
  for (const path of LATENCY) {
    const v = number(at(r, path));
    if (v !== null) return v;
  }
  const hop = lastHop(r);
  const own = rtts(hop?.timings);
  return (
    number(at(hop, 'stats.avg')) ?? (own.length ? own.reduce((a, b) => a + b) / own.length : null)
  );
}

export function lossOf(r: Result): number | null {
  return number(at(r, 'stats.loss')) ?? number(at(lastHop(r), 'stats.loss'));
}

export function mbitOf(r: Result): number | null {
  for (const path of ['down.bitsPerSecond', 'up.bitsPerSecond']) {
    const v = number(at(r, path));
    if (v !== null) return v / 1e6;
  }
  return null;
}

function hopOf(v: unknown, index: number): Hop {
  const times = rtts(at(v, 'timings'));
  const mean = times.length ? times.reduce((a, b) => a + b) / times.length : null;
  const sent = number(at(v, 'sent'));
  const address = at(v, 'resolvedAddress');
  const name = at(v, 'resolvedHostname');
  const asn = at(v, 'asn');
  const lost = sent ? (100 * (sent - Math.min(sent, times.length))) / sent : null;
  return {
    ttl: number(at(v, 'ttl')) ?? index + 1,
    address: typeof address === 'string' ? address : null,
    // Older nodes give the address as the name.
    name: typeof name === 'string' && name !== address ? name : null,
    rtt: number(at(v, 'stats.avg')) ?? mean,
    loss: number(at(v, 'stats.loss')) ?? lost,
    asn: Array.isArray(asn) ? asn.filter((n): n is number => typeof n === 'number') : [],
  };
}

export function hopsOf(r: Result): Hop[] | null {
  return Array.isArray(r.hops) && r.hops.length && at(r.hops[0], 'timings')
    ? r.hops.map(hopOf)
    : null;
}

export function whyOf(r: Result): string | null {
  if (outcomeOf(r) === 'ok' || r.status === 'in-progress') return null;
  if (r.status === 'finished' && !r.failure) return 'no answer';
  const raw = String(r.rawOutput ?? '')
    .trim()
    .split('\n');
  const line = raw[raw.length - 1] ?? '';
  return [r.failure, line.slice(0, 160)].filter(Boolean).join(': ') || r.status;
}

function observation(
  r: Result,
  of: Pick<Observation, 'measurement' | 'type' | 'target' | 'schedule' | 'nodeId' | 'nodeName' | 'at'>,
): Observation | null {
  const outcome = outcomeOf(r);
  if (!outcome) return null;
  const spread = rtts(r.timings).sort((a, b) => a - b);
  return {
    ...of,
    outcome,
    latency: outcome === 'ok' ? latencyOf(r) : null,
    loss: outcome === 'unmeasured' ? null : lossOf(r),
    spread: spread.length ? spread : null,
    mbit: mbitOf(r),
    loaded: number(at(r, 'rtt.loaded.avg')),
    hops: hopsOf(r),
    why: whyOf(r),
  };
}

// A row of the list of results; null where it is not of a known node and measurement.
export function observationOf(row: ResultRow): Observation | null {
  if (!row.node || !row.measurement || !row.type) return null;
  return observation(row.result, {
    measurement: row.measurement,
    type: row.type,
    target: row.target ?? '',
    schedule: typeof row.result.schedule === 'string' ? row.result.schedule : '',
    nodeId: row.node,
    nodeName: row.nodeName ?? row.node,
    at: Date.parse(row.receivedAt),
  });
}

export function observations(m: Measurement): Observation[] {
  const out: Observation[] = [];
  const when = Date.parse(m.dueAt ?? m.createdAt);
  for (const { probe, result } of m.results ?? []) {
    const o = probe.id
      ? observation(result, {
          measurement: m.id,
          type: m.type,
          target: m.target,
          schedule: m.schedule ?? '',
          nodeId: probe.id,
          nodeName: probe.name ?? probe.id,
          at: when,
        })
      : null;
    if (o) out.push(o);
  }
  return out;
}

export function quantile(sorted: number[], q: number): number | null {
  if (!sorted.length) return null;
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)] as number;
  const high = sorted[Math.ceil(at)] as number;
  return low + (high - low) * (at - Math.floor(at));
}
