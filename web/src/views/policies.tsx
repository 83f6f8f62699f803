// SPDX-License-Identifier: Apache-2.0
// Policies: their figures, and the source of one to read, check, simulate and apply.
import { signal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { ApiError, call, get, message, Missing, post } from '../api.ts';
import { bytes, count, dateTime, percent } from '../format.ts';
import { act, Empty, Login, Mark, useShown } from '../parts.tsx';
import { param, set } from '../route.ts';
import { may } from '../store.ts';
import type { Policy } from '../types.ts';

interface Shadow {
  decisions: number;
  differs: number;
  faults: number;
  took_us: number;
  last_error: string | null;
  differences: string[];
}

interface Source {
  name: string;
  version: number;
  source: string;
  shadow?: Shadow;
  versions: { version: number; createdAt: string; bytes: number }[];
}

const list = signal<Policy[]>([]);
const trouble = signal('');

async function load(): Promise<void> {
  try {
    list.value = await get<Policy[]>('/v1/policies');
    trouble.value = '';
  } catch (e) {
    trouble.value = message(e);
  }
}

const path = (name: string): string => `/v1/policies/${encodeURIComponent(name)}`;

// The line that a sentence such as "calm.lua:12: …" is about; 0 for none.
export function lineOf(text: string): number {
  return Number(/:(\d+):/.exec(text)?.[1] ?? 0);
}

function Code({ source, wrong }: { source: string; wrong: number }): JSX.Element {
  return (
    <pre class="code" tabIndex={0} aria-label="Source">
      {source
        .replace(/\n$/, '')
        .split('\n')
        .map((l, i) => (
          <span key={i} class={`line ${i + 1 === wrong ? 'wrong' : ''}`} data-n={i + 1}>
            {l || ' '}
          </span>
        ))}
    </pre>
  );
}

type Said = { bad: boolean; text: string; line: number; more?: unknown } | null;

function failed(e: unknown): Said {
  const text = message(e);
  return { bad: true, text, line: e instanceof ApiError ? lineOf(text) : 0 };
}

const HOW = {
  check: { query: '?dry=1', text: 'It compiles and its tests pass.' },
  try: { query: '?shadow=1', text: 'It decides beside the active version now; only that one counts.' },
  apply: { query: '', text: 'Applied as version #.' },
};

function Editor({ of, done }: { of: Source; done: () => void }): JSX.Element {
  const [text, type] = useState(of.source);
  const [said, say] = useState<Said>(null);
  const [busy, work] = useState(false);
  const run = async (what: () => Promise<Said>): Promise<void> => {
    work(true);
    say(await what().catch(failed));
    work(false);
  };
  const put = (how: keyof typeof HOW) =>
    run(async () => {
      const a = await call<{ version?: number }>('PUT', path(of.name) + HOW[how].query, {
        source: text,
      });
      if (how !== 'check') done();
      return { bad: false, line: 0, text: HOW[how].text.replace('#', String(a.version)) };
    });
  const simulate = () =>
    run(async () => {
      const more = await post(`${path(of.name)}/simulate`, { source: text, since: '1h' });
      return { bad: false, line: 0, text: 'Decisions of the last hour, made again:', more };
    });
  return (
    <div class="fields">
      <label for="source" class="sr">
        Source of {of.name}
      </label>
      <textarea
        id="source"
        rows={Math.min(30, text.split('\n').length + 1)}
        spellcheck={false}
        wrap="off"
        value={text}
        onInput={(e) => type(e.currentTarget.value)}
      />
      <div class="row">
        <button type="button" disabled={busy} onClick={() => void put('check')}>
          Check
        </button>
        <button type="button" disabled={busy} onClick={() => void simulate()}>
          Simulate the last hour
        </button>
        <button
          type="button"
          disabled={busy || text === of.source}
          onClick={() => void put('try')}
        >
          Try beside the active one
        </button>
        <button
          type="button"
          class="primary"
          disabled={busy || text === of.source}
          onClick={() => void put('apply')}
        >
          Apply
        </button>
      </div>
      {said ? (
        <div class={`note ${said.bad ? 'bad' : ''}`} role="status">
          <p>{said.text}</p>
        </div>
      ) : null}
      {said?.line ? <Code source={text} wrong={said.line} /> : null}
      {said?.more ? (
        <pre class="raw" tabIndex={0}>
          {JSON.stringify(said.more, null, 2)}
        </pre>
      ) : null}
    </div>
  );
}

function Trial({ name, s, ended }: { name: string; s: Shadow; ended: () => void }): JSX.Element {
  const end = async (): Promise<void> => {
    if (await act(`End the trial of ${name}`, () => call('DELETE', `${path(name)}/shadow`))) ended();
  };
  const share = s.decisions ? (100 * s.differs) / s.decisions : null;
  return (
    <section class="note fields" aria-label="On trial">
      <div class="head">
        <span>
          A text is on trial beside this version: it differs in <b>{count(s.differs)}</b> of{' '}
          {count(s.decisions)} decisions ({percent(share)}), {count(s.faults)} faults,{' '}
          {s.decisions ? `${(s.took_us / s.decisions).toFixed(1)} µs` : '–'} each.
        </span>
        {may('admin') ? (
          <button type="button" onClick={() => void end()}>
            End the trial
          </button>
        ) : null}
      </div>
      {s.last_error ? <p class="mono s-failed">{s.last_error}</p> : null}
      {s.differences.length ? (
        <ul class="lines small">
          {s.differences.map((d, i) => (
            <li key={i}>{d}</li>
          ))}
        </ul>
      ) : (
        <p class="small muted">No difference yet.</p>
      )}
    </section>
  );
}

function Detail({ policy }: { policy: Policy }): JSX.Element {
  const shown = useShown();
  const [source, show] = useState<Source | null>(null);
  const [wrong, say] = useState('');
  const [editing, edit] = useState(false);
  const fetchIt = async (): Promise<void> => {
    try {
      show(await get<Source>(path(policy.name)));
    } catch (e) {
      say(e instanceof Missing ? 'This controller does not show sources.' : message(e));
    }
    void load();
  };
  useEffect(() => {
    void fetchIt();
    const timer = setInterval(() => source?.shadow && void fetchIt(), 5000);
    return () => clearInterval(timer);
  }, [policy.name, !!source?.shadow]);
  const back = async (version: number): Promise<void> => {
    try {
      await post(`${path(policy.name)}/rollback?version=${version}`);
      await fetchIt();
    } catch (e) {
      say(message(e));
    }
  };
  const error = policy.stats?.last_error ?? '';
  return (
    <section class="card fields" aria-label={policy.name} ref={shown}>
      <div class="head">
        <h2>{policy.name}</h2>
        <div>
          {source && may('admin') ? (
            <button type="button" aria-pressed={editing} onClick={() => edit(!editing)}>
              Edit
            </button>
          ) : null}
          <button type="button" class="plain" onClick={() => set({ name: '' })}>
            Close
          </button>
        </div>
      </div>
      <p>{policy.summary}</p>
      {error ? (
        <p class="note bad">
          Last error: <span class="mono">{error}</span>
        </p>
      ) : null}
      {wrong ? <p class="note warn">{wrong}</p> : null}
      {source?.shadow ? (
        <Trial name={policy.name} s={source.shadow} ended={() => void fetchIt()} />
      ) : null}
      {source && editing ? (
        <Editor key={source.version} of={source} done={() => void fetchIt()} />
      ) : null}
      {source && !editing ? (
        <Code source={source.source} wrong={lineOf(error) || Number(param('line'))} />
      ) : null}
      {source && source.versions.length ? (
        <details>
          <summary>Versions</summary>
          {source.versions.map((v) => (
            <p key={v.version} class="row">
              <b>{v.version}</b> {dateTime(Date.parse(v.createdAt))}, {bytes(v.bytes)}
              {v.version === source.version ? (
                <span class="tag">in use</span>
              ) : !may('admin') ? null : (
                <button type="button" onClick={() => void back(v.version)}>
                  Go back to it
                </button>
              )}
            </p>
          ))}
        </details>
      ) : null}
    </section>
  );
}

function isOff(p: Policy): boolean {
  const s = p.stats as { off?: boolean; quarantined?: boolean } | undefined;
  return !!(s?.off || s?.quarantined);
}

export function Policies(): JSX.Element {
  const allowed = may('viewer');
  useEffect(() => {
    if (!allowed) return undefined;
    void load();
    const timer = setInterval(() => void load(), 5000);
    return () => clearInterval(timer);
  }, [allowed]);
  if (!allowed) return <Login />;
  const picked = list.value.find((p) => p.name === param('name'));
  return (
    <>
      <div class="head">
        <h1>Policies</h1>
      </div>
      {trouble.value ? <p class="note warn">{trouble.value}</p> : null}
      <div class="card scroll" tabIndex={0} role="region" aria-label="Table of policies">
        {list.value.length ? (
          <table>
            <thead>
              <tr>
                <th>Policy</th>
                <th>State</th>
                <th>What it does</th>
                <th class="num">Version</th>
                <th class="num">Decisions</th>
                <th class="num">Built-in instead</th>
                <th class="num">Mean time</th>
                <th class="num">Memory</th>
              </tr>
            </thead>
            <tbody>
              {list.value.map((p) => (
                <tr
                  key={p.name}
                  class={`pick${p === picked ? ' picked' : ''}`}
                  onClick={() => set({ name: p.name, line: '' })}
                >
                  <td>
                    <button type="button" class="plain" onClick={() => set({ name: p.name, line: '' })}>
                      {p.name}
                    </button>
                  </td>
                  <td>
                    <Mark
                      status={isOff(p) ? 'error' : p.stats?.last_error ? 'warning' : 'online'}
                      text={isOff(p) ? 'off' : p.stats?.last_error ? 'erred' : 'well'}
                    />
                  </td>
                  <td>{p.summary}</td>
                  <td class="num">{p.version}</td>
                  <td class="num">{count(p.stats?.decisions)}</td>
                  <td class="num">{count(p.stats?.fallbacks)}</td>
                  <td class="num">
                    {p.stats?.decisions
                      ? `${(p.stats.took_us / p.stats.decisions).toFixed(1)} µs`
                      : '–'}
                  </td>
                  <td class="num">{bytes(p.stats?.memory)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        ) : (
          <Empty title="No policy">
            <p>Policies are Lua files in the controller's policies directory.</p>
          </Empty>
        )}
      </div>
      {picked ? <Detail key={picked.name} policy={picked} /> : null}
    </>
  );
}
