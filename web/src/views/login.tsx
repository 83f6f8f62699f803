// SPDX-License-Identifier: Apache-2.0
// Logging in: a token is pasted and kept for this tab only.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { ApiError, get, message, setToken, token } from '../api.ts';
import { Field } from '../parts.tsx';
import { go } from '../route.ts';
import { refresh } from '../store.ts';

export function LoginPage(): JSX.Element {
  const [wrong, say] = useState('');
  const enter = async (e: SubmitEvent): Promise<void> => {
    e.preventDefault();
    const before = token.value;
    const form = new FormData(e.currentTarget as HTMLFormElement);
    setToken(String(form.get('token') ?? ''));
    try {
      await get('/v1/nodes');
      refresh();
      go('now');
    } catch (error) {
      setToken(before);
      const no = error instanceof ApiError && (error.status === 401 || error.status === 403);
      say(no ? 'The controller does not accept this token.' : message(error));
    }
  };
  return (
    <main class="login">
      <form class="card" onSubmit={enter}>
        <h1>Log in to Sonde</h1>
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
            autofocus
          />
        </Field>
        <button type="submit" class="primary">
          Log in
        </button>
        <p class="muted small">
          The token is kept for this tab only. <a href="#/now">Look without logging in</a>
        </p>
      </form>
    </main>
  );
}
