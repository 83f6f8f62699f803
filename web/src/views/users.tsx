// SPDX-License-Identifier: Apache-2.0
// Users: who they are, what they may do, what they may use; and invitations.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, post } from '../api.ts';
import { count, dateTime } from '../format.ts';
import { useLoaded } from '../load.ts';
import { act, Empty, Field, Mark, Needs, Options, SaveOrCancel, ShownOnce } from '../parts.tsx';
import type { Tier } from './tiers.tsx';

export const ROLES = ['viewer', 'user', 'operator', 'admin'];

export interface User {
  id: string;
  name: string;
  display: string | null;
  email: string | null;
  role: string;
  tier: string;
  disabled: boolean;
  credits: number;
  sessions: number;
  tokens: number;
  createdAt: string;
}

const path = (u: User): string => `/v1/users/${encodeURIComponent(u.name)}`;

function Add({ tiers, done }: { tiers: string[]; done: () => void }): JSX.Element {
  const save = async (e: SubmitEvent): Promise<void> => {
    e.preventDefault();
    const f = new FormData(e.currentTarget as HTMLFormElement);
    const body = Object.fromEntries([...f].filter(([, v]) => v !== ''));
    if (await act(`Add ${String(f.get('name'))}`, () => post('/v1/users', body))) done();
  };
  return (
    <form class="fields" onSubmit={(e) => void save(e)}>
      <div class="pair">
        <Field id="u-name" label="Name">
          <input id="u-name" name="name" required autocomplete="off" autofocus />
        </Field>
        <Field id="u-password" label="Password" help="8 characters or more.">
          <input
            id="u-password"
            name="password"
            type="password"
            minLength={8}
            required
            autocomplete="new-password"
          />
        </Field>
        <Field id="u-role" label="Role">
          <select id="u-role" name="role">
            <Options of={ROLES} first="user" />
          </select>
        </Field>
        <Field id="u-tier" label="Tier">
          <select id="u-tier" name="tier">
            <Options of={tiers} first="free" />
          </select>
        </Field>
        <Field id="u-email" label="Mail">
          <input id="u-email" name="email" type="email" autocomplete="off" />
        </Field>
      </div>
      <SaveOrCancel cancel={done} />
    </form>
  );
}

interface Statement {
  balance: number;
  checked: boolean;
  pending: number;
  entries: { at: string; kind: string; amount: number; note: string | null; by: string | null }[];
}

export function Ledger({ path: from }: { path: string }): JSX.Element | null {
  const { value } = useLoaded<Statement>(from);
  if (!value) return null;
  return (
    <>
      <p>
        <b>{count(value.balance)}</b> credits
        {value.pending ? `, ${count(value.pending)} more are being booked` : ''}
        {value.checked ? '' : '; the ledger does not agree with what is in memory'}
      </p>
      {value.entries.length ? (
        <div class="scroll" tabIndex={0} role="region" aria-label="Ledger">
          <table>
            <thead>
              <tr>
                <th>When</th>
                <th>What</th>
                <th class="num">Credits</th>
                <th>Note</th>
              </tr>
            </thead>
            <tbody>
              {value.entries.slice(-50).map((x, i) => (
                <tr key={i}>
                  <td>{dateTime(Date.parse(x.at))}</td>
                  <td>{x.kind}</td>
                  <td class="num">{count(x.amount)}</td>
                  <td>{[x.note, x.by && `by ${x.by}`].filter(Boolean).join(', ')}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : null}
    </>
  );
}

function Edit({ u, tiers, done }: { u: User; tiers: string[]; done: () => void }): JSX.Element {
  const [granted, grantedOnce] = useState(0);
  const change = async (what: string, body: unknown): Promise<void> => {
    if (await act(`${what} ${u.name}`, () => call('PATCH', path(u), body))) done();
  };
  const grant = async (e: SubmitEvent): Promise<void> => {
    e.preventDefault();
    const f = new FormData(e.currentTarget as HTMLFormElement);
    const body = { amount: Number(f.get('amount')), note: String(f.get('note') ?? '') };
    if (await act(`Grant credits to ${u.name}`, () => post(`${path(u)}/credits`, body)))
      grantedOnce(granted + 1);
  };
  return (
    <section class="card fields" aria-label={`User ${u.name}`}>
      <div class="head">
        <h2>{u.name}</h2>
        <div>
          <button
            type="button"
            class={u.disabled ? '' : 'danger'}
            onClick={() => void change(u.disabled ? 'Enable' : 'Disable', { disabled: !u.disabled })}
          >
            {u.disabled ? 'Enable' : 'Disable'}
          </button>
          <button type="button" class="plain" onClick={done}>
            Close
          </button>
        </div>
      </div>
      <p class="muted small">
        {[u.display, u.email].filter(Boolean).join(', ')} since {dateTime(Date.parse(u.createdAt))};
        a change of the role ends all sessions.
      </p>
      <div class="row">
        <label class="check">
          Role
          <select
            value={u.role}
            onChange={(e) => void change('Change the role of', { role: e.currentTarget.value })}
          >
            <Options of={ROLES} />
          </select>
        </label>
        <label class="check">
          Tier
          <select
            value={u.tier}
            onChange={(e) => void change('Change the tier of', { tier: e.currentTarget.value })}
          >
            <Options of={tiers.includes(u.tier) ? tiers : [u.tier, ...tiers]} />
          </select>
        </label>
      </div>
      <Ledger key={granted} path={`${path(u)}/credits`} />
      <form class="row" onSubmit={(e) => void grant(e)}>
        <input name="amount" type="number" required aria-label="Credits" placeholder="credits" />
        <input name="note" aria-label="Note" placeholder="why" maxLength={200} />
        <button type="submit">Grant</button>
      </form>
    </section>
  );
}

interface Invitation {
  id: string;
  description: string;
  role: string;
  tier: string | null;
  uses: number;
  used: number;
  expiresAt: string | null;
  usable: boolean;
}

function Invitations({ tiers }: { tiers: string[] }): JSX.Element {
  const { value, again } = useLoaded<Invitation[]>('/v1/invitations');
  const [made, show] = useState('');
  const make = async (e: SubmitEvent): Promise<void> => {
    e.preventDefault();
    const f = new FormData(e.currentTarget as HTMLFormElement);
    const body = { role: f.get('role'), tier: f.get('tier'), uses: 1, ttl: '7d' };
    await act('Invite', async () =>
      show((await post<{ invitation: string }>('/v1/invitations', body)).invitation),
    );
    await again();
  };
  const revoke = async (i: Invitation): Promise<void> => {
    await act('Revoke the invitation', () =>
      call('DELETE', `/v1/invitations/${encodeURIComponent(i.id)}`),
    );
    await again();
  };
  return (
    <section class="card fields" aria-label="Invitations">
      <h2>Invitations</h2>
      <form class="row" onSubmit={(e) => void make(e)}>
        <select name="role" aria-label="Role of who is invited">
          <Options of={ROLES} first="user" />
        </select>
        <select name="tier" aria-label="Tier of who is invited">
          <Options of={tiers} first="free" />
        </select>
        <button type="submit">Invite, for 7 days</button>
      </form>
      <ShownOnce text={made} />
      {(value ?? [])
        .filter((i) => i.usable)
        .map((i) => (
          <p key={i.id} class="row">
            {i.role}, {i.tier}, used {count(i.used)} of {count(i.uses)}, until{' '}
            {i.expiresAt ? dateTime(Date.parse(i.expiresAt)) : 'revoked'}
            <button type="button" class="danger" onClick={() => void revoke(i)}>
              Revoke
            </button>
          </p>
        ))}
    </section>
  );
}

export function Users(): JSX.Element {
  const { value, missing, trouble, again } = useLoaded<User[]>('/v1/users');
  const tiers = useLoaded<Tier[]>('/v1/tiers').value?.map((t) => t.name) ?? [];
  const [adding, add] = useState(false);
  const [picked, pick] = useState('');
  if (missing) return <Needs what="accounts" path="/v1/users" />;
  const list = [...(value ?? [])].sort((a, b) => a.name.localeCompare(b.name));
  const chosen = list.find((u) => u.name === picked);
  const done = (): void => {
    add(false);
    void again();
  };
  return (
    <>
      {trouble ? <p class="note warn">{trouble}</p> : null}
      <section class="card fields" aria-label="Users">
        <div class="head">
          <h2>Users</h2>
          <button type="button" class="primary" onClick={() => add(true)}>
            Add a user
          </button>
        </div>
        {adding ? <Add tiers={tiers} done={done} /> : null}
        {list.length ? (
          <div class="scroll" tabIndex={0} role="region" aria-label="Table of users">
            <table>
              <thead>
                <tr>
                  <th>Name</th>
                  <th>State</th>
                  <th>Role</th>
                  <th>Tier</th>
                  <th class="num">Credits</th>
                  <th class="num">Sessions</th>
                  <th class="num">Tokens</th>
                </tr>
              </thead>
              <tbody>
                {list.map((u) => (
                  <tr key={u.id} class="pick" onClick={() => pick(u.name)}>
                    <td>
                      <button type="button" class="plain" onClick={() => pick(u.name)}>
                        {u.name}
                      </button>
                    </td>
                    <td>
                      <Mark
                        status={u.disabled ? 'disabled' : 'online'}
                        text={u.disabled ? 'disabled' : 'may log in'}
                      />
                    </td>
                    <td>{u.role}</td>
                    <td>{u.tier}</td>
                    <td class="num">{count(u.credits)}</td>
                    <td class="num">{count(u.sessions)}</td>
                    <td class="num">{count(u.tokens)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        ) : (
          <Empty title="No user yet">
            <p>The admin token belongs to nobody; add users, and keep it for an emergency.</p>
          </Empty>
        )}
      </section>
      {chosen ? (
        <Edit
          key={chosen.name}
          u={chosen}
          tiers={tiers}
          done={() => {
            pick('');
            void again();
          }}
        />
      ) : null}
      <Invitations tiers={tiers} />
    </>
  );
}
