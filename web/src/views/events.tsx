// SPDX-License-Identifier: Apache-2.0
// Events: one line each, newest first.
import type { JSX } from 'preact';
import { clock, dateTime } from '../format.ts';
import { Csv, Empty, Login, Mark, Needs, Options } from '../parts.tsx';
import { href, param, set } from '../route.ts';
import { events, now, watches } from '../store.ts';
import { rangeAt, RangeChoice, within } from '../time.tsx';
import type { SonEvent } from '../types.ts';
import { Cause, Problems } from './problems.tsx';

const MARKS: Record<string, string> = {
  info: 'info',
  warning: 'warning',
  warn: 'warning',
  error: 'error',
  critical: 'error',
};

function Line({ e }: { e: SonEvent }): JSX.Element {
  const at = Date.parse(e.at);
  return (
    <tr>
      <td title={e.at}>
        <span class="muted">{Date.now() - at < 86400000 ? clock(at) : dateTime(at)}</span>
      </td>
      <td>
        <Mark status={MARKS[e.severity] ?? 'info'} text={e.severity} />
      </td>
      <td>
        {e.text}
        <div class="muted small row">
          <span class="mono">{e.kind}</span>
          <Cause text={e.cause} />
          {e.silenced ? <span class="tag">silenced</span> : null}
        </div>
      </td>
      <td>
        {e.node && e.nodeName ? (
          <a href={href('nodes', { node: e.node })}>{e.nodeName}</a>
        ) : (
          (e.nodeName ?? '')
        )}
      </td>
    </tr>
  );
}

export function Events(): JSX.Element {
  if (!watches()) return <Login />;
  const all = events.value;
  if (!all) return <Needs what="events" path="/v1/events" />;
  const kinds = [...new Set(all.map((e) => e.kind))].sort();
  const kind = param('kind');
  const range = rangeAt(now.value);
  // Events are few: without a choice all that are kept are shown.
  const narrow = !!param('range') || range.fixed;
  const text = param('q').toLowerCase();
  const list = all
    .filter(
      (e) =>
        (!kind || e.kind === kind) &&
        (!narrow || within(range, Date.parse(e.at))) &&
        `${e.text} ${e.nodeName ?? ''}`.toLowerCase().includes(text),
    )
    .sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
  return (
    <>
      <div class="head">
        <h1>Events</h1>
        <div>
          <RangeChoice />
          <Csv
          name="sonde-events.csv"
          head={['at', 'severity', 'kind', 'node', 'text']}
          rows={() => list.map((e) => [e.at, e.severity, e.kind, e.nodeName, e.text])}
        />
        </div>
      </div>
      <Problems />
      <div class="row">
        <input
          aria-label="Search events"
          placeholder="text or node"
          value={param('q')}
          onInput={(e) => set({ q: e.currentTarget.value })}
        />
        <select
          aria-label="Kind"
          value={kind}
          onChange={(e) => set({ kind: e.currentTarget.value })}
        >
          <option value="">all kinds</option>
          <Options of={kinds} />
        </select>
      </div>
      <div class="card scroll" tabIndex={0} role="region" aria-label="Table of events">
        {list.length ? (
          <table>
            <thead>
              <tr>
                <th>When</th>
                <th>Severity</th>
                <th>What</th>
                <th>Node</th>
              </tr>
            </thead>
            <tbody>
              {list.map((e) => (
                <Line key={e.id ?? e.at + e.kind + e.text} e={e} />
              ))}
            </tbody>
          </table>
        ) : (
          <Empty title={all.length ? 'No event passes these filters' : 'No event yet'}>
            <p>
              {all.length
                ? 'Take some filters away.'
                : 'What happens to nodes and schedules is told here.'}
            </p>
          </Empty>
        )}
      </div>
    </>
  );
}
