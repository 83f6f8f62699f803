// SPDX-License-Identifier: Apache-2.0
// The drawer of one node: what is known of it, and what an administrator may do.
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { ago, bytes, count, dateTime, ms, percent, place } from '../format.ts';
import { Beats, Mark } from '../parts.tsx';
import { may, observedBy, schedules } from '../store.ts';
import type { Node } from '../types.ts';
import { Actions, Configure, Log } from './node_actions.tsx';
import { nextCheck, summary } from './nodes.tsx';

// What the node tells of its machine; an older one tells nothing.
function machine(node: Node): string {
  const families = [node.ipv4 && 'IPv4', node.ipv6 && 'IPv6'].filter(Boolean).join(', ');
  const told = [
    typeof node.ipv4 === 'boolean' && (families || 'no addresses'),
    node.cpus && `${count(node.cpus)} CPUs`,
    node.memoryMiB && bytes(node.memoryMiB * 1048576),
    node.resolvers?.length && `names by ${node.resolvers.join(', ')}`,
  ].filter((t): t is string => typeof t === 'string' && t !== '');
  return told.join('; ') || '–';
}

function Facts({ node }: { node: Node }): JSX.Element {
  const l = node.live;
  const s = summary(observedBy(node.id));
  const own = (schedules.value ?? []).flatMap((x) =>
    (x.members ?? []).filter((m) => m.id === node.id),
  );
  const facts = [
    ['Owner', node.ownerName ?? node.owner],
    ['Contact', node.contact],
    ['Remarks', node.remarks],
  ];
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
      {own.length ? (
        <>
          <dt>Next check</dt>
          <dd>{nextCheck(node.id) ?? '–'}</dd>
        </>
      ) : null}
      <dt>Version</dt>
      <dd>{node.version ?? '–'}</dd>
      {node.key?.rotating ? (
        <>
          <dt>Key</dt>
          <dd>a new one {node.key.kept ? 'is kept by the node' : 'is on its way'}</dd>
        </>
      ) : null}
      <dt>Machine</dt>
      <dd>{machine(node)}</dd>
      <dt>Types</dt>
      <dd class="row">
        {(node.plugins ?? []).map((p) => (
          <span key={p.name} class="tag">
            {p.name} {p.version}
          </span>
        ))}
      </dd>
      {facts.map(([name, text]) =>
        text ? (
          <>
            <dt>{name}</dt>
            <dd class="wrap">{text}</dd>
          </>
        ) : null,
      )}
      <dt>Enrolled</dt>
      <dd>{node.createdAt ? dateTime(Date.parse(node.createdAt)) : '–'}</dd>
      <dt>Id</dt>
      <dd class="mono">{node.id}</dd>
    </dl>
  );
}

interface Check {
  ok?: boolean;
  why?: string;
}

// What the node says of itself, and what the controller holds against it.
function Health({ node }: { node: Node }): JSX.Element {
  const checks = Object.entries(node.selfTest ?? {}).filter(
    (c): c is [string, Check] => typeof c[1] === 'object' && c[1] !== null,
  );
  const troubles = [
    node.ban && `Banned${node.ban.until ? ` until ${dateTime(Date.parse(node.ban.until))}` : ''}: ${node.ban.reason || 'no reason given'}`,
    node.refused,
    node.locationProblem && `Its place cannot be right: ${node.locationProblem}`,
    node.uplink === 'down' && 'Its uplink is down: what fails says nothing about targets.',
    node.updateAvailable && `Version ${node.updateAvailable} is there for it.`,
  ].filter((t): t is string => !!t);
  return (
    <>
      {troubles.map((t) => (
        <p key={t} class="note warn">
          {t}
        </p>
      ))}
      {checks.length ? (
        <details>
          <summary>
            Self-test: {checks.every(([, c]) => c.ok) ? 'all well' : 'not all well'}
          </summary>
          <dl class="facts">
            {checks.flatMap(([name, c]) => [
              <dt key={name}>
                <Mark status={c.ok ? 'ok' : 'warning'} text={name} />
              </dt>,
              <dd key={`${name} why`}>{c.why || 'well'}</dd>,
            ])}
          </dl>
        </details>
      ) : null}
    </>
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
            {node.draining ? <span class="tag">{node.drained ? 'drained' : 'draining'}</span> : null}
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
        {may('operator') ? <Actions node={node} close={close} /> : null}
        <Beats of={observedBy(node.id)} />
        <Health node={node} />
        <Facts node={node} />
        {may('operator') ? (
          <>
            <Configure key={node.id} node={node} />
            <Log key={`${node.id} log`} node={node} />
          </>
        ) : null}
      </div>
    </>
  );
}
