// SPDX-License-Identifier: Apache-2.0
// Schedules: what repeats, what was expected of each node and what came; meshes as a matrix.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, post } from '../api.ts';
import { count, dateTime, ms, span } from '../format.ts';
import { isBad } from '../grid.ts';
import { act, Beats, Csv, Empty, Login, Mark, Needs, useShown } from '../parts.tsx';
import { href, param, set } from '../route.ts';
import { may, now, observedBy, refresh, schedules, watches } from '../store.ts';
import type { Schedule, ScheduleMember } from '../types.ts';
import { EditSchedule } from './edit_schedule.tsx';

const path = (s: Schedule): string => `/v1/schedules/${encodeURIComponent(s.id)}`;

export function every(s: Schedule): string {
  if (s.cron) return `cron ${s.cron}`;
  return typeof s.interval === 'number' ? `every ${s.interval} s` : `every ${s.interval}`;
}

function aim(s: Schedule): string {
  return s.target ?? (s.targets ? 'each other' : '');
}

function health(s: Schedule): [string, string] {
  if (s.paused) return ['disabled', 'paused'];
  if (s.problem) return ['error', 'problem'];
  return s.missing ? ['warning', `${count(s.missing)} missing`] : ['online', 'running'];
}

const isPicked = (s: Schedule): boolean => s.id === param('id') || s.name === param('id');

function Row({ s }: { s: Schedule }): JSX.Element {
  return (
    <tr class={`pick${isPicked(s) ? ' picked' : ''}`} onClick={() => set({ id: s.id })}>
      <td>
        <button type="button" class="plain" onClick={() => set({ id: s.id })}>
          {s.name}
        </button>
      </td>
      <td>
        <Mark status={health(s)[0]} text={health(s)[1]} />
      </td>
      <td>
        {s.type} {aim(s)}
      </td>
      <td>{every(s)}</td>
      <td class="num">{count(s.nodesCount)}</td>
      <td class="num">
        {count(s.received)} of {count(s.expected)}
      </td>
    </tr>
  );
}

function due(m: ScheduleMember): string {
  if (!m.nextDueAt) return '–';
  const left = Date.parse(m.nextDueAt) - now.value;
  return left > 0 ? `in ${span(left)}` : 'now';
}

function MemberRow({ s, m }: { s: Schedule; m: ScheduleMember }): JSX.Element {
  const of = observedBy(m.id).filter((o) => o.schedule === s.id);
  return (
    <tr>
      <td>
        <a href={href('nodes', { node: m.id })}>{m.name ?? m.id}</a>
        <div>
          <Mark status={m.status} />
        </div>
      </td>
      <td>
        {m.role}
        <div class="muted small">{m.reason}</div>
      </td>
      <td class="num">
        {count(m.received)} of {count(m.expected)}
        {m.missing ? <div class="s-stale">{count(m.missing)} missing</div> : null}
      </td>
      <td>
        {m.lastDueAt ? dateTime(Date.parse(m.lastDueAt)) : '–'}
        {m.lastRun ? (
          <div>
            <a href={href('measure', { id: m.lastRun })}>result</a>
          </div>
        ) : null}
      </td>
      <td>
        {due(m)}
        {m.synced === false ? <div class="s-stale small">not told yet</div> : null}
      </td>
      <td>
        <Beats of={of} />
      </td>
    </tr>
  );
}

function Mesh({ s, members }: { s: Schedule; members: ScheduleMember[] }): JSX.Element {
  const list = members.filter((m) => m.peers);
  const last = (from: string, to: { name?: string; address?: string }) =>
    observedBy(from).findLast(
      (o) => o.schedule === s.id && (o.target === to.address || o.target === to.name),
    );
  return (
    <section class="card scroll" tabIndex={0} role="region" aria-label="Mesh">
      <h2>Who probes whom</h2>
      <table>
        <thead>
          <tr>
            <th>From</th>
            {list.map((m) => (
              <th key={m.id}>{m.name ?? m.id}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {list.map((m) => (
            <tr key={m.id}>
              <th scope="row">{m.name ?? m.id}</th>
              {list.map((to) => {
                const peer = m.peers?.find((p) => p.id === to.id);
                const o = peer && last(m.id, peer);
                return (
                  <td key={to.id}>
                    {m.id === to.id ? (
                      <span class="muted">·</span>
                    ) : !peer ? (
                      <span class="muted">no</span>
                    ) : !o ? (
                      <span class="muted">waiting</span>
                    ) : (
                      <Mark
                        status={isBad(o) ? (o.outcome === 'ok' ? 'warning' : o.outcome) : 'ok'}
                        text={o.latency === null ? o.outcome : ms(o.latency)}
                      />
                    )}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Actions({ s, edit }: { s: Schedule; edit: () => void }): JSX.Element {
  const [sure, ask] = useState(false);
  const go = async (what: string, verb: string): Promise<void> => {
    await act(`${what} ${s.name}`, () => post(`${path(s)}/${verb}`));
    refresh();
  };
  const remove = async (): Promise<void> => {
    if (await act(`Delete ${s.name}`, () => call('DELETE', path(s)))) set({ id: '' });
    refresh();
  };
  return (
    <div class="row">
      <button type="button" onClick={() => go('Run', 'run')}>
        Run now
      </button>
      {s.paused ? (
        <button type="button" onClick={() => go('Resume', 'resume')}>
          Resume
        </button>
      ) : (
        <button type="button" onClick={() => go('Pause', 'pause')}>
          Pause
        </button>
      )}
      <button type="button" onClick={edit}>
        Edit
      </button>
      {s.target ? (
        <a class="button" href={href('series', { target: s.target, type: s.type, schedule: s.id })}>
          Series
        </a>
      ) : null}
      {sure ? (
        <>
          <button type="button" class="danger" onClick={remove}>
            Yes, delete {s.name}
          </button>
          <button type="button" onClick={() => ask(false)}>
            Keep it
          </button>
        </>
      ) : (
        <button type="button" class="danger" onClick={() => ask(true)}>
          Delete
        </button>
      )}
    </div>
  );
}

function Detail({ s }: { s: Schedule }): JSX.Element {
  const [editing, edit] = useState(false);
  return (
    <>
      <section class="card fields" aria-label={s.name} ref={useShown()}>
        <div class="head">
          <h2>{s.name}</h2>
          <div>
            <Mark status={health(s)[0]} text={health(s)[1]} />
            <button type="button" class="plain" onClick={() => set({ id: '' })}>
              Close
            </button>
          </div>
        </div>
        {s.problem ? <p class="note bad">{s.problem}</p> : null}
        <p>
          {s.type} {aim(s)}, {every(s)}
          {s.owner ? `, by ${s.ownerName ?? s.owner}` : ''}
          {s.secrets ? `, with a secret ${s.secrets.join(', ')}, on trusted nodes only` : ''}
        </p>
        {may('operator') ? <Actions s={s} edit={() => edit(true)} /> : null}
        {editing ? <EditSchedule of={s} close={() => edit(false)} /> : null}
        <div class="scroll" tabIndex={0} role="region" aria-label="Its nodes">
          <table>
            <thead>
              <tr>
                <th>Node</th>
                <th>Role</th>
                <th class="num">Results</th>
                <th>Last due</th>
                <th>Next</th>
                <th>Last rounds seen here</th>
              </tr>
            </thead>
            <tbody>
              {(s.members ?? []).map((m) => (
                <MemberRow key={m.id + m.role} s={s} m={m} />
              ))}
            </tbody>
          </table>
        </div>
      </section>
      {s.members?.some((m) => m.peers) ? <Mesh s={s} members={s.members} /> : null}
    </>
  );
}

export function Schedules(): JSX.Element {
  const [adding, add] = useState(false);
  if (!watches()) return <Login />;
  const all = schedules.value;
  if (!all) return <Needs what="schedules" path="/v1/schedules" />;
  const picked = all.find(isPicked);
  return (
    <>
      <div class="head">
        <h1>Schedules</h1>
        <div>
          <Csv
            name="sonde-schedules.csv"
            head={['name', 'type', 'target', 'when', 'nodes', 'expected', 'received', 'missing']}
            rows={() =>
              all.map((s) => [
                s.name,
                s.type,
                aim(s),
                every(s),
                s.nodesCount,
                s.expected,
                s.received,
                s.missing,
              ])
            }
          />
          {may('operator') ? (
            <button type="button" class="primary" onClick={() => add(true)}>
              Add a schedule
            </button>
          ) : null}
        </div>
      </div>
      {adding ? (
        <section class="card">
          <EditSchedule close={() => add(false)} />
        </section>
      ) : null}
      <div class="card scroll" tabIndex={0} role="region" aria-label="Table of schedules">
        {all.length ? (
          <table>
            <thead>
              <tr>
                <th>Name</th>
                <th>State</th>
                <th>What</th>
                <th>When</th>
                <th class="num">Nodes</th>
                <th class="num">Results</th>
              </tr>
            </thead>
            <tbody>
              {all.map((s) => (
                <Row key={s.id} s={s} />
              ))}
            </tbody>
          </table>
        ) : (
          <Empty title="Nothing repeats yet">
            <p>A schedule measures by itself, from its nodes, also while the controller is away.</p>
          </Empty>
        )}
      </div>
      {picked ? <Detail key={picked.id} s={picked} /> : null}
    </>
  );
}
