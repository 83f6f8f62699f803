// SPDX-License-Identifier: Apache-2.0
// The drawer of one node: what is known of it, and what an administrator may do.
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { call, post } from '../api.ts';
import { ago, bytes, count, dateTime, ms, percent, place } from '../format.ts';
import { act, Beats, Field, Mark } from '../parts.tsx';
import { href } from '../route.ts';
import { observedBy, refresh, schedules } from '../store.ts';
import type { Node } from '../types.ts';
import { summary } from './nodes.tsx';

const path = (n: Node): string => `/v1/nodes/${encodeURIComponent(n.id)}`;

async function change(n: Node, what: string, body: unknown): Promise<void> {
  await act(`${what} ${n.name}`, () => call('PATCH', path(n), body));
  refresh();
}

function Facts({ node }: { node: Node }): JSX.Element {
  const l = node.live;
  const s = summary(observedBy(node.id));
  const own = (schedules.value ?? []).flatMap((x) =>
    (x.members ?? []).filter((m) => m.id === node.id),
  );
  const expected = own.reduce((n, m) => n + m.expected, 0);
  const received = own.reduce((n, m) => n + m.received, 0);
  return (
    <dl class="facts">
      <dt>Place</dt>
      <dd>{place(node.location)}</dd>
      <dt>Network</dt>
      <dd>
        {[node.location.network, node.location.asn ? `AS${node.location.asn}` : '']
          .filter(Boolean)
          .join(', ') || '–'}
      </dd>
      <dt>Tags</dt>
      <dd class="row">
        {node.tags.length
          ? node.tags.map((t) => (
              <span key={t} class="tag">
                {t}
              </span>
            ))
          : '–'}
      </dd>
      <dt>Latency</dt>
      <dd>
        {ms(s.latency)} <span class="muted">mean of what was seen here</span>
      </dd>
      <dt>Success</dt>
      <dd>{percent(s.success)}</dd>
      {own.length ? (
        <>
          <dt>Scheduled</dt>
          <dd>
            {count(received)} of {count(expected)} expected results came
          </dd>
        </>
      ) : null}
      {l ? (
        <>
          <dt>Last seen</dt>
          <dd>
            {ago(l.lastSeenMs)} from {l.address ?? '–'}
          </dd>
          <dt>Load</dt>
          <dd>
            {l.load.toFixed(2)}; {count(l.active)} running, {count(l.queued)} queued, room for{' '}
            {count(l.capacity)}
          </dd>
          <dt>Spool</dt>
          <dd>
            {count(l.spoolCount)} results, {bytes(l.spoolBytes)}
          </dd>
          <dt>To controller</dt>
          <dd>{ms(l.rttMs)}</dd>
          <dt>Clock</dt>
          <dd>
            {l.clockOffsetMs === null
              ? '–'
              : `${l.clockOffsetMs > 0 ? '+' : ''}${l.clockOffsetMs.toFixed(1)} ms`}
          </dd>
          <dt>Stored</dt>
          <dd>
            {count(l.resultsStored)}; {count(l.resultsLost)} lost
          </dd>
          <dt>Could not measure</dt>
          <dd>{percent(100 * l.errorRate)}</dd>
        </>
      ) : null}
      <dt>Version</dt>
      <dd>{node.version ?? '–'}</dd>
      <dt>Types</dt>
      <dd class="row">
        {(node.plugins ?? []).map((p) => (
          <span key={p.name} class="tag">
            {p.name} {p.version}
          </span>
        ))}
      </dd>
      <dt>Enrolled</dt>
      <dd>{node.createdAt ? dateTime(Date.parse(node.createdAt)) : '–'}</dd>
      <dt>Id</dt>
      <dd class="mono">{node.id}</dd>
    </dl>
  );
}

function Configure({ node }: { node: Node }): JSX.Element {
  const save = async (e: SubmitEvent): Promise<void> => {
    e.preventDefault();
    const f = new FormData(e.currentTarget as HTMLFormElement);
    const tags = String(f.get('tags') ?? '')
      .split(',')
      .map((t) => t.trim())
      .filter(Boolean);
    await change(node, 'Configure', {
      region: String(f.get('region') ?? ''),
      priority: Number(f.get('priority')),
      tags,
    });
  };
  return (
    <details>
      <summary>Configure</summary>
      <form class="fields" onSubmit={save}>
        <Field id="d-region" label="Region">
          <input id="d-region" name="region" maxLength={64} defaultValue={node.location.region} />
        </Field>
        <Field id="d-priority" label="Priority" help="1 to 100; policies may prefer the higher.">
          <input
            id="d-priority"
            name="priority"
            type="number"
            min={0}
            max={100}
            defaultValue={String(node.priority ?? 50)}
          />
        </Field>
        <Field id="d-tags" label="Tags" help="Comma separated.">
          <input id="d-tags" name="tags" defaultValue={node.tags.join(', ')} />
        </Field>
        <div class="row">
          <button type="submit" class="primary">
            Save
          </button>
        </div>
      </form>
    </details>
  );
}

function Actions({ node, close }: { node: Node; close: () => void }): JSX.Element {
  const [sure, ask] = useState(false);
  const remove = async (): Promise<void> => {
    if (await act(`Delete ${node.name}`, () => call('DELETE', path(node)))) close();
    refresh();
  };
  const reload = (): Promise<boolean> =>
    act(`Reload the types of ${node.name}`, () =>
      post(`/v1/plugins/reload/${encodeURIComponent(node.id)}`),
    );
  return (
    <div class="row">
      {node.approved ? null : (
        <button
          type="button"
          class="primary"
          onClick={() => change(node, 'Approve', { approved: true })}
        >
          Approve
        </button>
      )}
      <button
        type="button"
        onClick={() =>
          change(node, node.disabled ? 'Enable' : 'Disable', { enabled: !!node.disabled })
        }
      >
        {node.disabled ? 'Enable' : 'Disable'}
      </button>
      <button type="button" onClick={reload} disabled={node.status !== 'online'}>
        Reload types
      </button>
      <a class="button" href={href('measure', { from: node.name })}>
        Measure from here
      </a>
      {sure ? (
        <>
          <button type="button" class="danger" onClick={remove}>
            Yes, delete {node.name}
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

export function Drawer({ node, close }: { node: Node; close: () => void }): JSX.Element {
  const own = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    own.current?.focus();
    const key = (e: KeyboardEvent): void => {
      if (e.key === 'Escape') close();
    };
    // Focus stays inside, also when the button that had it goes away.
    const stay = (e: FocusEvent): void => {
      if (!own.current?.contains(e.target as globalThis.Node)) own.current?.focus();
    };
    document.addEventListener('keydown', key);
    document.addEventListener('focusin', stay);
    return () => {
      document.removeEventListener('keydown', key);
      document.removeEventListener('focusin', stay);
      before?.focus();
    };
  }, [node.id]);
  return (
    <>
      <div class="veil" onClick={close} />
      <div
        class="drawer"
        role="dialog"
        aria-modal="true"
        aria-label={`Node ${node.name}`}
        tabIndex={-1}
        ref={own}
      >
        <div class="head">
          <h2>{node.name}</h2>
          <div>
            <Mark status={node.status} />
            <button type="button" class="plain" onClick={close}>
              Close
            </button>
          </div>
        </div>
        {node.status === 'pending' ? (
          <p class="note">It enrolled and waits for approval; it gets no work before.</p>
        ) : null}
        {node.pluginsRefused?.map((r) => (
          <p key={r.file} class="note warn">
            {r.file}: {r.why}
          </p>
        ))}
        <Actions node={node} close={close} />
        <Beats of={observedBy(node.id)} />
        <Facts node={node} />
        <Configure key={node.id} node={node} />
      </div>
    </>
  );
}
