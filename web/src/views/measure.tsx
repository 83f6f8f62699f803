// SPDX-License-Identifier: Apache-2.0
// Measure: what, from where, with which options; then the results as they come.
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { ApiError, message, post } from '../api.ts';
import {
  type Ask,
  asCli,
  asCurl,
  type Field as FormField,
  fieldsOf,
  optionsOf,
  wrongWith,
} from '../form.ts';
import { plural } from '../format.ts';
import { Copy, Empty, Field, Options } from '../parts.tsx';
import { param, set } from '../route.ts';
import { may, nodes, plugins, remember } from '../store.ts';
import { complete, locations, matching, suggestions } from '../where.ts';
import { Results } from './results.tsx';

const FIRST = ['ping', 'http', 'dns', 'tcp', 'traceroute', 'mtr', 'tls', 'udp', 'ntp', 'bandwidth'];
const HIDDEN = new Set(['faulty']);

const HINTS: Record<string, [string, string]> = {
  host: ['a name or an address', 'example.com'],
  list: ['addresses or prefixes, comma separated', '192.0.2.0/28'],
  text: ['a text that the type understands', 'example.com'],
  node: ['the name of another node', 'fra1'],
};

function types(): string[] {
  const names = plugins.value.map((p) => p.name).filter((n) => !HIDDEN.has(n));
  const rank = (n: string): number => FIRST.indexOf(n) + 1 || FIRST.length + 1;
  return names.sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

function Input({
  field,
  value,
  change,
}: {
  field: FormField;
  value: string;
  change: (v: string) => void;
}): JSX.Element {
  const id = `o-${field.path}`;
  const common = { id, 'aria-invalid': wrongWith(field, value) ? true : undefined };
  if (field.kind === 'choice')
    return (
      <select {...common} value={value} onChange={(e) => change(e.currentTarget.value)}>
        {field.initial === '' ? <option value="">as the type decides</option> : null}
        <Options of={field.choices} />
      </select>
    );
  if (field.kind === 'map')
    return (
      <textarea
        {...common}
        rows={2}
        placeholder="Name: value"
        value={value}
        onInput={(e) => change(e.currentTarget.value)}
      />
    );
  const typing = {
    ...common,
    autocomplete: 'off',
    spellcheck: false,
    placeholder: field.initial,
    value,
    onInput: (e: { currentTarget: HTMLInputElement }) => change(e.currentTarget.value),
  } as const;
  if (field.secret) return <input {...typing} type="password" />;
  return <input {...typing} inputMode={field.kind === 'int' ? 'numeric' : undefined} />;
}

function Option(p: {
  field: FormField;
  typed: Record<string, string>;
  change: (path: string, v: string) => void;
}): JSX.Element {
  const f = p.field;
  const value = p.typed[f.path] ?? (f.kind === 'choice' || f.kind === 'bool' ? f.initial : '');
  const change = (v: string): void => p.change(f.path, v);
  if (f.kind === 'bool')
    return (
      <label class="check">
        <input
          type="checkbox"
          checked={value === 'true'}
          onChange={(e) => change(String(e.currentTarget.checked))}
        />
        <span>
          <b>{f.path}</b> <span class="muted small">{f.help}</span>
        </span>
      </label>
    );
  const range =
    f.min !== null && f.max !== null && f.kind === 'int' ? `, ${f.min} to ${f.max}` : '';
  return (
    <Field
      id={`o-${f.path}`}
      label={`${f.path}${f.unit && f.kind !== 'duration' ? ` (${f.unit})` : ''}`}
      help={f.help + range}
      wrong={wrongWith(f, value)}
    >
      <Input field={f} value={value} change={change} />
    </Field>
  );
}

function From({
  from,
  type,
  change,
}: {
  from: string;
  type: string;
  change: (v: string) => void;
}): JSX.Element {
  const fit = matching(nodes.value, from, type);
  const ideas = suggestions(fit.length || !from ? nodes.value : nodes.value, from);
  return (
    <Field
      id="from"
      label="From"
      help="Country, city, region, continent, network, AS number, tag or node; + means and, a comma means or. Empty is the whole world."
    >
      <input
        id="from"
        autocomplete="off"
        spellcheck={false}
        placeholder="the world"
        value={from}
        onInput={(e) => change(e.currentTarget.value)}
        aria-describedby="fit"
      />
      <span id="fit" role="status" class={fit.length ? 'small' : 'small s-failed'}>
        {fit.length
          ? `${plural(fit.length, 'node matches', 'nodes match')} now`
          : 'No node matches now'}
      </span>
      <span class="suggest">
        {ideas.map((s) => (
          <button key={s} type="button" onClick={() => change(complete(from, s))}>
            {s}
          </button>
        ))}
      </span>
    </Field>
  );
}

// Where the controller finds a fault in one member, the sentence stands at its field.
function wrongAt(e: unknown): Record<string, string> {
  if (!(e instanceof ApiError) || !Object.keys(e.params).length) return { '': message(e) };
  return e.params;
}

export function Measure(): JSX.Element {
  const [ask, setAsk] = useState<Ask>({
    type: param('type', 'ping'),
    target: param('target'),
    from: param('from'),
    limit: Number(param('limit')) || 3,
    policy: '',
  });
  const [typed, setTyped] = useState<Record<string, string>>({});
  const [wrong, setWrong] = useState<Record<string, string>>({});
  const [busy, setBusy] = useState(false);
  useEffect(() => setTyped({}), [ask.type]);
  const plugin = plugins.value.find((p) => p.name === ask.type);
  const fields = plugin ? fieldsOf(plugin) : [];
  const [hint, example] = HINTS[plugin?.target ?? 'host'] ?? HINTS.host!;
  const options = optionsOf(fields, typed);
  const where = locations(ask.from);
  const bodyWith = (o: Record<string, unknown>) => ({
    type: ask.type,
    target: ask.target.trim(),
    limit: ask.limit,
    ...(where.length ? { locations: where } : {}),
    ...(ask.policy ? { policy: ask.policy } : {}),
    ...(Object.keys(o).length ? { measurementOptions: o } : {}),
  });
  // What is copied may be pasted anywhere: it holds no secret.
  const plain = bodyWith(optionsOf(fields.filter((f) => !f.secret), typed));
  const send = async (e: SubmitEvent): Promise<void> => {
    e.preventDefault();
    if (fields.some((f) => wrongWith(f, typed[f.path] ?? f.initial))) return;
    setBusy(true);
    try {
      const made = await post<{ id: string }>('/v1/measurements', {
        ...bodyWith(options),
        inProgressUpdates: true,
      });
      remember(made.id);
      setWrong({});
      set({ id: made.id });
    } catch (error) {
      setWrong(wrongAt(error));
    }
    setBusy(false);
  };
  const change = (path: string, v: string): void => setTyped({ ...typed, [path]: v });
  const others = Object.entries(wrong).filter(([k]) => k !== 'target');
  return (
    <>
      <div class="head">
        <h1>Measure</h1>
      </div>
      <div class="split">
        <form class="card fields" onSubmit={send} aria-label="Measurement">
          <Field id="type" label="Type" help={plugin?.summary}>
            <select
              id="type"
              value={ask.type}
              onChange={(e) => setAsk({ ...ask, type: e.currentTarget.value })}
            >
              <Options of={types()} />
            </select>
          </Field>
          <Field id="target" label="Target" help={hint} wrong={wrong.target}>
            <input
              id="target"
              required
              autocomplete="off"
              spellcheck={false}
              placeholder={example}
              value={ask.target}
              onInput={(e) => setAsk({ ...ask, target: e.currentTarget.value })}
            />
          </Field>
          <From from={ask.from} type={ask.type} change={(from) => setAsk({ ...ask, from })} />
          <Field id="limit" label="Nodes at most">
            <input
              id="limit"
              type="number"
              min={1}
              max={500}
              value={ask.limit}
              onInput={(e) => setAsk({ ...ask, limit: Number(e.currentTarget.value) || 1 })}
            />
          </Field>
          {fields.length ? (
            <details open={Object.keys(options).length > 0}>
              <summary>
                Options of {ask.type}
                {Object.keys(options).length ? ` (${Object.keys(options).length} set)` : ''}
              </summary>
              <div class="options">
                {fields.map((f) => (
                  <Option key={`${ask.type} ${f.path}`} field={f} typed={typed} change={change} />
                ))}
              </div>
            </details>
          ) : null}
          {others.length ? (
            <div class="note bad" role="alert">
              {others.map(([k, v]) => (
                <p key={k}>{v}</p>
              ))}
            </div>
          ) : null}
          <div class="row">
            <button type="submit" class="primary" disabled={busy}>
              Measure
            </button>
            <Copy text={asCli(ask, fields, typed)}>Copy as CLI</Copy>
            <Copy text={asCurl(location.origin, plain)}>Copy as curl</Copy>
          </div>
          {!may('user') ? (
            <p class="muted small">
              Without a login the controller may refuse. <a href="#/login">Log in</a>
            </p>
          ) : null}
        </form>
        {param('id') ? (
          <Results key={param('id')} id={param('id')} />
        ) : (
          <div class="card">
            <Empty title="Results appear here">
              <p>As they arrive, each with its text as the classic tool prints it.</p>
            </Empty>
          </div>
        )}
      </div>
    </>
  );
}
