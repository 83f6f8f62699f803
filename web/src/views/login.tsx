// SPDX-License-Identifier: Apache-2.0
// Logging in: as a user, or with a token; either is kept for this tab only.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { ApiError, get, logIn, message, Missing, setToken, token } from '../api.ts';
import { Field } from '../parts.tsx';
import { go } from '../route.ts';
import { refresh } from '../store.ts';

const text = (f: FormData, name: string): string => String(f.get(name) ?? '');

function done(): void {
  refresh();
  go('now');
}

function WithPassword(): JSX.Element {
  const [wrong, say] = useState('');
  const [busy, work] = useState(false);
  const enter = async (e: SubmitEvent): Promise<void> => {
    e.preventDefault();
    const f = new FormData(e.currentTarget as HTMLFormElement);
    work(true);
    try {
      await logIn(text(f, 'name').trim(), text(f, 'password'));
      done();
    } catch (error) {
      say(error instanceof Missing ? 'This controller knows tokens only.' : message(error));
    }
    work(false);
  };
  return (
    <form class="fields" onSubmit={(e) => void enter(e)}>
      <Field id="name" label="Name">
        <input id="name" name="name" autocomplete="username" required spellcheck={false} autofocus />
      </Field>
      <Field id="password" label="Password" wrong={wrong}>
        <input
          id="password"
          name="password"
          type="password"
          autocomplete="current-password"
          required
        />
      </Field>
      <button type="submit" class="primary" disabled={busy}>
        Log in
      </button>
    </form>
  );
}

function WithToken(): JSX.Element {
  const [wrong, say] = useState('');
  const enter = async (e: SubmitEvent): Promise<void> => {
    e.preventDefault();
    const before = token.value;
    setToken(text(new FormData(e.currentTarget as HTMLFormElement), 'token'));
    try {
      await get('/v1/nodes');
      done();
    } catch (error) {
      setToken(before);
      const no = error instanceof ApiError && (error.status === 401 || error.status === 403);
      say(no ? 'The controller does not accept this token.' : message(error));
    }
  };
  return (
    <form class="fields" onSubmit={(e) => void enter(e)}>
      <Field
        id="token"
        label="Token"
        wrong={wrong}
        help="The controller wrote an admin token at its first start; it says where in its log."
      >
        <input
          id="token"
          name="token"
          type="password"
          autocomplete="off"
          required
          spellcheck={false}
        />
      </Field>
      <button type="submit">Log in with the token</button>
    </form>
  );
}

export function LoginPage(): JSX.Element {
  return (
    <main class="login">
      <div class="card">
        <h1>Log in to Sonde</h1>
        <WithPassword />
        <hr />
        <WithToken />
        <p class="muted small">
          Either is kept for this tab only. <a href="#/now">Look without logging in</a>
        </p>
      </div>
    </main>
  );
}
