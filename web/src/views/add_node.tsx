// SPDX-License-Identifier: Apache-2.0
// Adding a node: a short-lived token and the line to paste on the machine.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { message, post } from '../api.ts';
import { shellWord } from '../format.ts';
import { Copy, Field } from '../parts.tsx';

interface Made {
  token: string;
}

export function line(origin: string, name: string, region: string, token: string): string {
  const more = region ? ` --region ${shellWord(region)}` : '';
  return (
    `umask 077 && printf '%s\\n' ${shellWord(token)} > sonde.token && \\\n` +
    `sonde-node --controller ${shellWord(origin)} --name ${shellWord(name)}${more} --token-file sonde.token`
  );
}

export function AddNode({ close }: { close: () => void }): JSX.Element {
  const [name, setName] = useState('');
  const [region, setRegion] = useState('');
  const [approve, setApprove] = useState(true);
  const [made, setMade] = useState('');
  const [wrong, say] = useState('');
  const make = async (e: SubmitEvent): Promise<void> => {
    e.preventDefault();
    try {
      const answer = await post<Made>('/v1/registration-tokens', {
        ttl: '15m',
        uses: 1,
        approve,
        description: `dashboard: ${name}`,
      });
      setMade(line(location.origin, name, region, answer.token));
      say('');
    } catch (error) {
      say(message(error));
    }
  };
  return (
    <section class="card fields" aria-label="Add a node">
      <div class="head">
        <h2>Add a node</h2>
        <button type="button" class="plain" onClick={close}>
          Close
        </button>
      </div>
      <form class="fields" onSubmit={make}>
        <div class="pair">
          <Field id="add-name" label="Name">
            <input
              id="add-name"
              required
              maxLength={64}
              value={name}
              onInput={(e) => setName(e.currentTarget.value)}
            />
          </Field>
          <Field id="add-region" label="Region" help="As users will type it, for example eu-west.">
            <input
              id="add-region"
              maxLength={64}
              value={region}
              onInput={(e) => setRegion(e.currentTarget.value)}
            />
          </Field>
        </div>
        <label class="check">
          <input
            type="checkbox"
            checked={approve}
            onChange={(e) => setApprove(e.currentTarget.checked)}
          />
          It needs no approval
        </label>
        {wrong ? (
          <p class="note bad" role="alert">
            {wrong}
          </p>
        ) : null}
        <div class="row">
          <button type="submit" class="primary">
            Make the line
          </button>
        </div>
      </form>
      {made ? (
        <>
          <p>
            Paste this on the machine within 15 minutes. The token works once and is not shown
            again.
          </p>
          <pre class="code wrap">{made}</pre>
          <div class="row">
            <Copy text={made}>Copy</Copy>
          </div>
        </>
      ) : null}
    </section>
  );
}
