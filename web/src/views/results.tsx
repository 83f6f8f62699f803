// SPDX-License-Identifier: Apache-2.0
// A measurement and its results while they come: table, raw text, and why these nodes.
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { ApiError, get, message, Missing } from '../api.ts';
import { count, ms, NONE, percent, place } from '../format.ts';
import { latencyOf, lossOf, mbitOf, observations, outcomeOf, whyOf } from '../observe.ts';
import { Copy, Csv, Empty, Mark } from '../parts.tsx';
import { href } from '../route.ts';
import { add, may, remember } from '../store.ts';
import type { Measurement, ProbeResult } from '../types.ts';

const POLL_MS = 250;

function follow(
  id: string,
  show: (m: Measurement) => void,
  fail: (text: string) => void,
): () => void {
  let stopped = false;
  let wait = POLL_MS;
  const look = async (): Promise<void> => {
    try {
      const m = await get<Measurement>(`/v1/measurements/${encodeURIComponent(id)}`);
      if (stopped) return;
      show(m);
      fail('');
      add(observations(m));
      if (m.status === 'finished') return;
    } catch (e) {
      if (stopped) return;
      fail(message(e));
      if (e instanceof ApiError && e.status < 500) return;
    }
    setTimeout(() => !stopped && void look(), wait);
    wait = Math.min(500, wait * 1.1);
  };
  void look();
  return () => (stopped = true) as unknown as void;
}

const TEXT: Record<string, string> = {
  ok: 'measured',
  failed: 'target failed',
  unmeasured: 'could not measure',
};

function Row({
  r,
  pick,
  picked,
}: {
  r: ProbeResult;
  pick: () => void;
  picked: boolean;
}): JSX.Element {
  const outcome = outcomeOf(r.result);
  const mbit = mbitOf(r.result);
  return (
    <tr class="pick" onClick={pick}>
      <td>
        <button type="button" class="plain" aria-pressed={picked} onClick={pick}>
          {r.probe.name ?? r.probe.id ?? 'node'}
        </button>
        <div class="muted small">{place(r.probe)}</div>
      </td>
      <td>
        {outcome ? (
          <Mark status={outcome} text={TEXT[outcome]} />
        ) : (
          <span class="muted">measuring…</span>
        )}
        {outcome && outcome !== 'ok' ? <div class="small">{whyOf(r.result)}</div> : null}
      </td>
      <td class="num">{ms(latencyOf(r.result))}</td>
      <td class="num">{percent(lossOf(r.result))}</td>
      <td class="num">{mbit === null ? NONE : `${mbit.toFixed(1)} Mbit/s`}</td>
    </tr>
  );
}

interface Explanation {
  steps?: unknown[];
  [key: string]: unknown;
}

function Explain({ m }: { m: Measurement }): JSX.Element | null {
  const [more, setMore] = useState<Explanation | string | null>(null);
  const p = m.placement;
  const load = async (): Promise<void> => {
    if (more || !may('viewer')) return;
    try {
      setMore(await get<Explanation>(`/v1/measurements/${encodeURIComponent(m.id)}/explain`));
    } catch (e) {
      setMore(
        e instanceof Missing || (e instanceof ApiError && e.status === 404)
          ? 'This controller keeps no steps of its decisions.'
          : message(e),
      );
    }
  };
  if (!p) return null;
  return (
    <details onToggle={() => void load()}>
      <summary>Why these nodes</summary>
      <p>
        {p.fallback
          ? 'The built-in order decided, because the policy did not: '
          : `The policy ${p.policy} (version ${p.version}) decided: `}
        {p.reason || 'it gave no reason'}.
      </p>
      <p class="muted small">
        It took {count(p.tookUs)} µs; seed {p.seed}.
      </p>
      {typeof more === 'string' ? (
        <p class="muted small">{more}</p>
      ) : more ? (
        <pre class="raw">{JSON.stringify(more.steps ?? more, null, 2)}</pre>
      ) : null}
    </details>
  );
}

function table(m: Measurement): unknown[][] {
  return m.results.map((r) => [
    r.probe.name,
    r.probe.country,
    r.probe.city,
    outcomeOf(r.result) ?? 'in-progress',
    latencyOf(r.result),
    lossOf(r.result),
    mbitOf(r.result),
    whyOf(r.result),
  ]);
}

export function Results({ id }: { id: string }): JSX.Element {
  const [m, show] = useState<Measurement | null>(null);
  const [wrong, fail] = useState('');
  const [at, pick] = useState(0);
  const [json, setJson] = useState(false);
  useEffect(() => {
    remember(id);
    return follow(id, show, fail);
  }, [id]);
  if (!m)
    return (
      <div class="card">
        <Empty title={wrong || 'Asking…'} />
      </div>
    );
  const done = m.results.filter((r) => outcomeOf(r.result)).length;
  const r = m.results[at];
  const link = `${location.origin}${location.pathname}${href('measure', { id: m.id })}`;
  return (
    <section class="card fields" aria-label="Results">
      <div class="head">
        <h2>
          {m.type} {m.target}
        </h2>
        <span role="status" class="muted">
          {done} of {m.probesCount} arrived
        </span>
      </div>
      {wrong ? <p class="note warn">{wrong}</p> : null}
      <div class="scroll" tabIndex={0} role="region" aria-label="Table of results">
        <table>
          <thead>
            <tr>
              <th>Node</th>
              <th>Outcome</th>
              <th class="num">Latency</th>
              <th class="num">Loss</th>
              <th class="num">Down</th>
            </tr>
          </thead>
          <tbody>
            {m.results.map((x, i) => (
              <Row key={`${x.probe.id}${i}`} r={x} pick={() => pick(i)} picked={i === at} />
            ))}
          </tbody>
        </table>
      </div>
      {r ? (
        <>
          <div class="head">
            <h3>{r.probe.name ?? r.probe.id}</h3>
            <div>
              <button type="button" aria-pressed={!json} onClick={() => setJson(false)}>
                Text
              </button>
              <button type="button" aria-pressed={json} onClick={() => setJson(true)}>
                JSON
              </button>
            </div>
          </div>
          <pre class="raw" tabIndex={0}>
            {json ? JSON.stringify(r.result, null, 2) : String(r.result.rawOutput || 'nothing yet')}
          </pre>
        </>
      ) : null}
      <Explain m={m} />
      <div class="row">
        <Copy text={link}>Copy link</Copy>
        <Copy text={`curl -s ${location.origin}/v1/measurements/${m.id}`}>Copy as curl</Copy>
        <Csv
          name={`sonde-${m.id}.csv`}
          head={['node', 'country', 'city', 'outcome', 'ms', 'loss %', 'Mbit/s', 'why']}
          rows={() => table(m)}
        />
        {m.results.some((x) => observations({ ...m, results: [x] })[0]?.hops) ? (
          <a class="button" href={href('paths', { target: m.target })}>
            Paths
          </a>
        ) : null}
        <a class="button" href={href('map', { id: m.id })}>
          Map
        </a>
      </div>
    </section>
  );
}
