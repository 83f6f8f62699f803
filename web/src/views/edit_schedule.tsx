// SPDX-License-Identifier: Apache-2.0
// The form of a schedule, new or changed. What it does not show stays as it is.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { ApiError, call, message, post } from '../api.ts';
import { plural } from '../format.ts';
import { Field, Options, SaveOrCancel } from '../parts.tsx';
import { nodes, plugins, refresh } from '../store.ts';
import type { Schedule } from '../types.ts';
import { locations, matching } from '../where.ts';

interface Typed {
  name: string;
  type: string;
  target: string;
  from: string;
  limit: string;
  when: string;
  options: string;
}

function typedOf(s: Schedule | undefined): Typed {
  const options = s?.measurementOptions;
  return {
    name: s?.name ?? '',
    type: s?.type ?? 'ping',
    target: s?.target ?? '',
    from: '',
    limit: String(s?.limit ?? (s ? '' : 3)),
    when: s?.cron ?? String(s?.interval ?? '60s'),
    options: options ? JSON.stringify(options) : '',
  };
}

// Five fields, or a short form with @, are a cron expression; anything else is an interval.
export function due(text: string): { cron: string | null; interval: string | null } {
  const t = text.trim();
  const cron = t.startsWith('@') || t.split(/\s+/).length === 5;
  return cron ? { cron: t, interval: null } : { cron: null, interval: t };
}

function bodyOf(t: Typed, old: Schedule | undefined): Record<string, unknown> {
  const body: Record<string, unknown> = { name: t.name.trim(), type: t.type };
  if (t.target.trim()) body.target = t.target.trim();
  const where = locations(t.from);
  if (where.length) body.locations = where;
  if (t.limit.trim()) body.limit = Number(t.limit);
  if (t.options.trim()) body.measurementOptions = JSON.parse(t.options) as unknown;
  for (const [key, v] of Object.entries(due(t.when)))
    if (v !== null || (old && old[key] !== undefined)) body[key] = v;
  return body;
}

export function EditSchedule({ of, close }: { of?: Schedule; close: () => void }): JSX.Element {
  const [t, set] = useState<Typed>(typedOf(of));
  const [wrong, setWrong] = useState<Record<string, string>>({});
  const save = async (e: SubmitEvent): Promise<void> => {
    e.preventDefault();
    try {
      const body = bodyOf(t, of);
      if (of) await call('PATCH', `/v1/schedules/${encodeURIComponent(of.id)}`, body);
      else await post('/v1/schedules', body);
      refresh();
      close();
    } catch (error) {
      const own =
        error instanceof ApiError && Object.keys(error.params).length ? error.params : null;
      setWrong(
        own ?? { '': error instanceof SyntaxError ? 'The options are no JSON.' : message(error) },
      );
    }
  };
  const fit = matching(nodes.value, t.from, t.type).length;
  const bind = (key: keyof Typed) => ({
    id: `s-${key}`,
    value: t[key],
    onInput: (e: { currentTarget: { value: string } }) =>
      set({ ...t, [key]: e.currentTarget.value }),
  });
  const other = Object.entries(wrong).filter(
    ([k]) => !['name', 'target', 'interval', 'cron', 'limit'].includes(k),
  );
  return (
    <form class="fields" onSubmit={save} aria-label={of ? `Edit ${of.name}` : 'New schedule'}>
      <h3>{of ? `Edit ${of.name}` : 'New schedule'}</h3>
      <div class="pair">
        <Field id="s-name" label="Name" wrong={wrong.name}>
          <input {...bind('name')} required maxLength={64} />
        </Field>
        <Field id="s-type" label="Type">
          <select {...bind('type')}>
            <Options of={plugins.value.map((p) => p.name)} />
          </select>
        </Field>
        <Field id="s-target" label="Target" wrong={wrong.target}>
          <input {...bind('target')} required={!of?.targets} />
        </Field>
        <Field
          id="s-when"
          label="When"
          wrong={wrong.interval ?? wrong.cron}
          help="An interval such as 30s or 5m, or a cron expression of five fields."
        >
          <input {...bind('when')} required />
        </Field>
        <Field
          id="s-from"
          label="From"
          help={
            of && !t.from
              ? 'Left empty it stays as it is.'
              : `${plural(fit, 'node matches', 'nodes match')} now`
          }
        >
          <input {...bind('from')} placeholder={of ? 'as it is' : 'the world'} />
        </Field>
        <Field id="s-limit" label="Nodes at most" wrong={wrong.limit}>
          <input {...bind('limit')} inputMode="numeric" />
        </Field>
      </div>
      <Field
        id="s-options"
        label="Options"
        help={
          of?.secrets
            ? `As JSON. ${of.secrets.join(', ')} stays as it is; with another type, target or options it must be given again.`
            : 'As JSON, for example {"packets": 5}.'
        }
      >
        <input {...bind('options')} spellcheck={false} />
      </Field>
      {other.length ? (
        <div class="note bad" role="alert">
          {other.map(([k, v]) => (
            <p key={k}>{v}</p>
          ))}
        </div>
      ) : null}
      <SaveOrCancel cancel={close} />
    </form>
  );
}
