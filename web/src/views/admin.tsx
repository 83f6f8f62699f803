// SPDX-License-Identifier: Apache-2.0
// Administration: registration tokens, types and the controller's own figures; users, tiers, audit.
import { signal } from '@preact/signals';
import type { ComponentType, JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { call, get, message, post } from '../api.ts';
import { bytes, count, dateTime, span } from '../format.ts';
import { act, Empty, Login, Mark } from '../parts.tsx';
import { param, set } from '../route.ts';
import { may, metrics, plugins } from '../store.ts';
import { Audit } from './audit.tsx';
import { Tiers } from './tiers.tsx';
import { Users } from './users.tsx';

interface Token {
  id: string;
  description: string | null;
  region?: string | null;
  createdAt?: string;
  expiresAt?: string;
  uses: number;
  used: number;
  approve: boolean;
  revoked?: boolean;
  lastNode?: string | null;
}

const tokens = signal<Token[]>([]);
const trouble = signal('');

async function load(): Promise<void> {
  try {
    tokens.value = await get<Token[]>('/v1/registration-tokens');
    trouble.value = '';
  } catch (e) {
    trouble.value = message(e);
  }
}

async function revoke(t: Token): Promise<void> {
  await act('Revoke the token', () =>
    call('DELETE', `/v1/registration-tokens/${encodeURIComponent(t.id)}`),
  );
  await load();
}

function stateOf(t: Token): [string, string] {
  if (t.revoked) return ['disabled', 'revoked'];
  if (t.expiresAt && Date.parse(t.expiresAt) < Date.now()) return ['disabled', 'expired'];
  return t.used >= t.uses ? ['disabled', 'used up'] : ['online', 'usable'];
}

function Tokens(): JSX.Element {
  const usable = tokens.value.filter((t) => stateOf(t)[1] === 'usable');
  const rest = tokens.value.filter((t) => stateOf(t)[1] !== 'usable').slice(-20);
  return (
    <section class="card" aria-label="Registration tokens">
      <h2>Registration tokens</h2>
      {trouble.value ? <p class="note warn">{trouble.value}</p> : null}
      {!tokens.value.length ? (
        <Empty title="No token">
          <p>“Add a node” in Nodes makes one.</p>
        </Empty>
      ) : (
        <div class="scroll" tabIndex={0} role="region" aria-label="Table of tokens">
          <table>
            <thead>
              <tr>
                <th>For</th>
                <th>State</th>
                <th class="num">Used</th>
                <th>Expires</th>
                <th>Approval</th>
                <th>
                  <span class="sr">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {[...usable, ...rest].map((t) => (
                <tr key={t.id}>
                  <td>{t.description || t.id}</td>
                  <td>
                    <Mark status={stateOf(t)[0]} text={stateOf(t)[1]} />
                  </td>
                  <td class="num">
                    {count(t.used)} of {count(t.uses)}
                  </td>
                  <td>{t.expiresAt ? dateTime(Date.parse(t.expiresAt)) : '–'}</td>
                  <td>{t.approve ? 'not needed' : 'needed'}</td>
                  <td class="right">
                    {stateOf(t)[1] === 'usable' ? (
                      <button type="button" class="danger" onClick={() => revoke(t)}>
                        Revoke
                      </button>
                    ) : null}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

const FIGURES: [string, string, (v: number) => string][] = [
  ['sonde_uptime_seconds', 'Up for', (v) => span(v * 1000)],
  ['sonde_results_stored_total', 'Results stored', count],
  ['sonde_results_duplicate_total', 'Duplicates met and dropped', count],
  ['sonde_results_late_total', 'Late results', count],
  ['sonde_results_lost_total', 'Results lost at nodes', count],
  ['sonde_results_quarantined_total', 'Results in quarantine', count],
  ['sonde_measurements_created_total', 'Measurements', count],
  ['sonde_tasks_waiting', 'Tasks waiting', count],
  ['sonde_tasks_retried_total', 'Tasks given out again', count],
  ['sonde_decisions_total', 'Placement decisions', count],
  ['sonde_decision_fallbacks_total', 'Decided by the built-in', count],
  ['sonde_store_used_bytes', 'Store in use', bytes],
  ['sonde_store_commits_total', 'Commits', count],
  ['sonde_node_connections', 'Node connections', count],
];

function Figures(): JSX.Element {
  return (
    <section class="card" aria-label="Controller">
      <h2>Controller</h2>
      <dl class="facts">
        {FIGURES.filter(([k]) => metrics.value.has(k)).flatMap(([k, name, show]) => [
          <dt key={k}>{name}</dt>,
          <dd key={`${k} v`}>{show(metrics.value.get(k) as number)}</dd>,
        ])}
      </dl>
      <p class="small">
        <a href="/metrics">All metrics</a>
      </p>
    </section>
  );
}

function Types(): JSX.Element {
  const reload = (): Promise<boolean> =>
    act('Look for types again', () => post('/v1/plugins/reload'));
  return (
    <section class="card" aria-label="Types">
      <div class="head">
        <h2>Types</h2>
        <button type="button" onClick={reload}>
          Look again, here and on nodes
        </button>
      </div>
      <div class="scroll" tabIndex={0} role="region" aria-label="Table of types">
        <table>
          <thead>
            <tr>
              <th>Type</th>
              <th>Version</th>
              <th>What it does</th>
            </tr>
          </thead>
          <tbody>
            {plugins.value.map((p) => (
              <tr key={p.name}>
                <td>{p.name}</td>
                <td>{p.version}</td>
                <td>{p.summary}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Controller(): JSX.Element {
  useEffect(() => void load(), []);
  return (
    <>
      <Tokens />
      <div class="split">
        <Figures />
        <Types />
      </div>
    </>
  );
}

interface Part {
  name: string;
  title: string;
  show: ComponentType;
}

const PARTS: Part[] = [
  { name: 'controller', title: 'Controller', show: Controller },
  { name: 'users', title: 'Users', show: Users },
  { name: 'tiers', title: 'Tiers', show: Tiers },
  { name: 'audit', title: 'Audit', show: Audit },
];

export function Admin(): JSX.Element {
  if (!may('admin')) return <Login />;
  const part = PARTS.find((p) => p.name === param('part')) ?? (PARTS[0] as Part);
  const Show = part.show;
  return (
    <>
      <div class="head">
        <h1>Admin</h1>
        <div role="group" aria-label="Parts">
          {PARTS.map((p) => (
            <button
              key={p.name}
              type="button"
              aria-pressed={p === part}
              onClick={() => set({ part: p === PARTS[0] ? '' : p.name })}
            >
              {p.title}
            </button>
          ))}
        </div>
      </div>
      <Show />
    </>
  );
}
