// SPDX-License-Identifier: Apache-2.0
// The own account: password, API tokens, limits and credits.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, changePassword, post } from '../api.ts';
import { count, dateTime } from '../format.ts';
import { useLoaded } from '../load.ts';
import { act, Empty, Field, Login, Needs, Options, ShownOnce } from '../parts.tsx';
import { may, role, who } from '../store.ts';
import { Ledger, ROLES, type User } from './users.tsx';

interface ApiToken {
  id: string;
  description: string;
  role: string;
  scopes: string;
  expiresAt: string | null;
  usable: boolean;
}

interface Limits {
  rateLimit: { measurements: { create: { limit?: number; remaining?: number; reset?: number } } };
}

function Password(): JSX.Element {
  const save = async (e: SubmitEvent): Promise<void> => {
    e.preventDefault();
    const form = e.currentTarget as HTMLFormElement;
    const f = new FormData(form);
    const text = (name: string): string => String(f.get(name) ?? '');
    if (await act('Change the password', () => changePassword(text('old'), text('new')))) form.reset();
  };
  return (
    <section class="card" aria-label="Password">
      <h2>Password</h2>
      <form class="fields" onSubmit={(e) => void save(e)}>
        <div class="pair">
          <Field id="p-old" label="Password now">
            <input
              id="p-old"
              name="old"
              type="password"
              required
              autocomplete="current-password"
            />
          </Field>
          <Field id="p-new" label="New password" help="8 characters or more. Ends all sessions.">
            <input
              id="p-new"
              name="new"
              type="password"
              required
              minLength={8}
              autocomplete="new-password"
            />
          </Field>
        </div>
        <div class="row">
          <button type="submit">Change it</button>
        </div>
      </form>
    </section>
  );
}

const SCOPES = ['read', 'measure', 'account', 'manage'];

function Tokens(): JSX.Element {
  const { value, again } = useLoaded<ApiToken[]>('/v1/auth/tokens');
  const [made, show] = useState('');
  const own = ROLES.slice(0, ROLES.indexOf(role.value) + 1);
  const make = async (e: SubmitEvent): Promise<void> => {
    e.preventDefault();
    const f = new FormData(e.currentTarget as HTMLFormElement);
    const body = {
      description: f.get('description'),
      role: f.get('role'),
      scopes: f.getAll('scopes').join(','),
      ttl: f.get('ttl'),
    };
    await act('Make a token', async () =>
      show((await post<{ token: string }>('/v1/auth/tokens', body)).token),
    );
    await again();
  };
  const revoke = async (t: ApiToken): Promise<void> => {
    await act(`Revoke ${t.description}`, () =>
      call('DELETE', `/v1/auth/tokens/${encodeURIComponent(t.id)}`),
    );
    await again();
  };
  return (
    <section class="card fields" aria-label="API tokens">
      <h2>API tokens</h2>
      <form class="row" onSubmit={(e) => void make(e)}>
        <input name="description" required aria-label="For what" placeholder="for what" />
        <select name="role" aria-label="Role">
          <Options of={own} first={role.value} />
        </select>
        {SCOPES.map((s) => (
          <label key={s} class="check">
            <input type="checkbox" name="scopes" value={s} /> {s}
          </label>
        ))}
        <select name="ttl" aria-label="Good for">
          <option value="1d">a day</option>
          <option value="30d">30 days</option>
          <option value="90d" selected>90 days</option>
          <option value="365d">a year</option>
        </select>
        <button type="submit">Make a token</button>
      </form>
      <p class="muted small">No scope chosen is all of them. A token never does more than its user may.</p>
      <ShownOnce text={made} />
      {(value ?? [])
        .filter((t) => t.usable)
        .map((t) => (
          <p key={t.id} class="row">
            <b>{t.description}</b> {t.role}, {t.scopes || 'all scopes'},{' '}
            {t.expiresAt ? `until ${dateTime(Date.parse(t.expiresAt))}` : 'without an end'}
            <button type="button" class="danger" onClick={() => void revoke(t)}>
              Revoke
            </button>
          </p>
        ))}
    </section>
  );
}

export function Account(): JSX.Element {
  const me = useLoaded<Partial<User>>('/v1/auth/me');
  const limits = useLoaded<Limits>('/v1/limits').value?.rateLimit.measurements.create;
  if (!may('viewer')) return <Login />;
  if (me.missing) return <Needs what="accounts" path="/v1/auth/me" />;
  const user = !!me.value?.id;
  return (
    <>
      <div class="head">
        <h1>Account</h1>
        <p class="muted">
          {me.value?.display || who.value} {me.value ? `(${me.value.role})` : ''}
        </p>
      </div>
      {!user ? (
        <div class="card">
          <Empty title="This token belongs to nobody">
            <p>Log in as a user to see an account. Administrators add users in Admin.</p>
          </Empty>
        </div>
      ) : (
        <>
          <section class="card" aria-label="Limits">
            <h2>Limits</h2>
            <p>
              Tier {me.value?.tier}
              {limits?.limit
                ? `: ${count(limits.remaining)} of ${count(limits.limit)} points remain this hour`
                : ''}
            </p>
            <Ledger path="/v1/credits" />
          </section>
          <Tokens />
          <Password />
        </>
      )}
    </>
  );
}
