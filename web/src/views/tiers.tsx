// SPDX-License-Identifier: Apache-2.0
// Tiers: what an account may use.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call } from '../api.ts';
import { count } from '../format.ts';
import { useLoaded } from '../load.ts';
import { act, Field, Needs, SaveOrCancel } from '../parts.tsx';

export interface Tier {
  name: string;
  perHour: number;
  nodes: number;
  concurrent: number;
  types: string;
  policy?: string;
  priority: number;
  interval: string;
  planned: number;
  retain: number;
  builtIn: boolean;
}

const FIGURES: [keyof Tier, string, string][] = [
  ['perHour', 'Points an hour', 'One test on one node is a point.'],
  ['nodes', 'Nodes at most', 'Of one measurement.'],
  ['concurrent', 'At once', 'Measurements that are not over.'],
  ['priority', 'Node priority', 'The highest that it reaches.'],
  ['planned', 'Planned an hour', 'Tests of all schedules of an account; 0 is no limit.'],
];

function Form({ t, done }: { t: Tier | null; done: () => void }): JSX.Element {
  const save = async (e: SubmitEvent): Promise<void> => {
    e.preventDefault();
    const f = new FormData(e.currentTarget as HTMLFormElement);
    const name = t?.name ?? String(f.get('name'));
    const body: Record<string, unknown> = { types: String(f.get('types') ?? '') };
    for (const [key] of FIGURES) body[key] = Number(f.get(key));
    if (String(f.get('policy'))) body.policy = String(f.get('policy'));
    if (await act(`Save tier ${name}`, () => call('PUT', `/v1/tiers/${encodeURIComponent(name)}`, body)))
      done();
  };
  return (
    <form class="fields" onSubmit={(e) => void save(e)}>
      <div class="pair">
        {t ? null : (
          <Field id="t-name" label="Name">
            <input id="t-name" name="name" required autofocus />
          </Field>
        )}
        {FIGURES.map(([key, label, help]) => (
          <Field key={key} id={`t-${key}`} label={label} help={help}>
            <input
              id={`t-${key}`}
              name={key}
              type="number"
              min={0}
              required
              defaultValue={String(t?.[key] ?? (key === 'planned' ? 0 : 100))}
            />
          </Field>
        ))}
        <Field id="t-types" label="Types" help="Comma separated; empty is all.">
          <input id="t-types" name="types" defaultValue={t?.types ?? ''} />
        </Field>
        <Field id="t-policy" label="Policy" help="When a request names none.">
          <input id="t-policy" name="policy" defaultValue={t?.policy ?? ''} />
        </Field>
      </div>
      <SaveOrCancel cancel={done} />
    </form>
  );
}

export function Tiers(): JSX.Element {
  const { value, missing, trouble, again } = useLoaded<Tier[]>('/v1/tiers');
  const [editing, edit] = useState<Tier | 'new' | null>(null);
  if (missing) return <Needs what="tiers" path="/v1/tiers" />;
  const remove = async (t: Tier): Promise<void> => {
    await act(`Remove tier ${t.name}`, () =>
      call('DELETE', `/v1/tiers/${encodeURIComponent(t.name)}`),
    );
    await again();
  };
  const done = (): void => {
    edit(null);
    void again();
  };
  return (
    <section class="card fields" aria-label="Tiers">
      <div class="head">
        <h2>Tiers</h2>
        <button type="button" class="primary" onClick={() => edit('new')}>
          Add a tier
        </button>
      </div>
      {trouble ? <p class="note warn">{trouble}</p> : null}
      {editing ? (
        <Form
          key={editing === 'new' ? '' : editing.name}
          t={editing === 'new' ? null : editing}
          done={done}
        />
      ) : null}
      <div class="scroll" tabIndex={0} role="region" aria-label="Table of tiers">
        <table>
          <thead>
            <tr>
              <th>Tier</th>
              {FIGURES.map(([key, label]) => (
                <th key={key} class="num">
                  {label}
                </th>
              ))}
              <th>Types</th>
              <th>Policy</th>
              <th>
                <span class="sr">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {(value ?? []).map((t) => (
              <tr key={t.name}>
                <td>{t.name}</td>
                {FIGURES.map(([key]) => (
                  <td key={key} class="num">
                    {count(Number(t[key]))}
                  </td>
                ))}
                <td>{t.types || 'all'}</td>
                <td>{t.policy ?? '–'}</td>
                <td class="right">
                  <button type="button" onClick={() => edit(t)}>
                    Change
                  </button>{' '}
                  {t.builtIn ? null : (
                    <button type="button" class="danger" onClick={() => void remove(t)}>
                      Remove
                    </button>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
