// SPDX-License-Identifier: Apache-2.0
// What an operator does to one node: its life, its settings, its log.
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { call, get, message, post } from '../api.ts';
import { act, Field } from '../parts.tsx';
import { href } from '../route.ts';
import { refresh } from '../store.ts';
import type { Node } from '../types.ts';

const path = (n: Node): string => `/v1/nodes/${encodeURIComponent(n.id)}`;

async function change(n: Node, what: string, body: unknown): Promise<void> {
  await act(`${what} ${n.name}`, () => call('PATCH', path(n), body));
  refresh();
}

interface Verb {
  name: string;
  path: string;
  title: string; // what is said when it was done
}

const VERBS: Verb[] = [
  { name: 'Sync settings', path: 'sync', title: 'Send its settings again to' },
  { name: 'Rotate key', path: 'rotate-key', title: 'Give a new key to' },
  { name: 'Self-test', path: 'self-test', title: 'Self-test of' },
  { name: 'Restart runner', path: 'restart-runner', title: 'Restart the runner of' },
];

// A button that asks once more before it does what cannot be undone.
function Sure(p: { name: string; sure: string; run: () => Promise<void> }): JSX.Element {
  const [asked, ask] = useState(false);
  if (!asked)
    return (
      <button type="button" class="danger" onClick={() => ask(true)}>
        {p.name}
      </button>
    );
  return (
    <>
      <button type="button" class="danger" onClick={() => void p.run().then(() => ask(false))}>
        {p.sure}
      </button>
      <button type="button" onClick={() => ask(false)}>
        No
      </button>
    </>
  );
}

export function Actions({ node, close }: { node: Node; close: () => void }): JSX.Element {
  const online = node.status === 'online';
  const run = async (title: string, to: string): Promise<void> => {
    await act(`${title} ${node.name}`, () => post(to));
    refresh();
  };
  const remove = async (): Promise<void> => {
    if (await act(`Delete ${node.name}`, () => call('DELETE', path(node)))) close();
    refresh();
  };
  const ban = async (): Promise<void> => {
    await act(`Ban ${node.name}`, () => post(`${path(node)}/ban`, { reason: 'by an operator' }));
    refresh();
  };
  const unban = async (): Promise<void> => {
    await act(`Let ${node.name} come back`, () => call('DELETE', `${path(node)}/ban`));
    refresh();
  };
  return (
    <div class="row">
      {node.approved ? null : (
        <button
          type="button"
          class="primary"
          onClick={() => change(node, 'Approve', { approved: true })}
        >
          Approve
        </button>
      )}
      <button
        type="button"
        onClick={() =>
          change(node, node.disabled ? 'Enable' : 'Disable', { enabled: !!node.disabled })
        }
      >
        {node.disabled ? 'Enable' : 'Disable'}
      </button>
      <button
        type="button"
        onClick={() =>
          change(node, node.draining ? 'Give work again to' : 'Drain', { draining: !node.draining })
        }
      >
        {node.draining ? 'Undrain' : 'Drain'}
      </button>
      {VERBS.map((v) => (
        <button
          key={v.path}
          type="button"
          disabled={!online}
          onClick={() => void run(v.title, `${path(node)}/${v.path}`)}
        >
          {v.name}
        </button>
      ))}
      <button
        type="button"
        disabled={!online}
        onClick={() =>
          void run('Reload the types of', `/v1/plugins/reload/${encodeURIComponent(node.id)}`)
        }
      >
        Reload types
      </button>
      <a class="button" href={href('measure', { from: node.name })}>
        Measure from here
      </a>
      {node.ban ? (
        <button type="button" onClick={() => void unban()}>
          Unban
        </button>
      ) : (
        <Sure name="Ban" sure={`Yes, ban ${node.name}`} run={ban} />
      )}
      <Sure name="Delete" sure={`Yes, delete ${node.name}`} run={remove} />
    </div>
  );
}

const LEVELS = ['own', 'error', 'warn', 'info', 'debug'];

// Empty takes the setting away, so that the node's own counts again.
function settingsOf(f: FormData): Record<string, unknown> {
  const text = (name: string): string => String(f.get(name) ?? '').trim();
  const figure = (name: string): number | null => (text(name) ? Number(text(name)) : null);
  return {
    capacity: figure('capacity'),
    packetsPerSecond: figure('packetsPerSecond'),
    beat: text('beat') || null,
    selfTest: text('selfTest') || null,
    logLevel: text('logLevel') === 'own' ? null : text('logLevel'),
  };
}

const FIGURES = new Set(['capacity', 'packetsPerSecond']);
const SETTINGS: [string, string, string][] = [
  ['capacity', 'Tasks at once', 'Never more than its owner allows.'],
  ['packetsPerSecond', 'Packets a second', 'Of each task.'],
  ['beat', 'Between heartbeats', 'From 500ms.'],
  ['selfTest', 'Between self-tests', 'From 1s.'],
];

export function Configure({ node }: { node: Node }): JSX.Element {
  const settings = node.config?.settings ?? {};
  const save = async (e: SubmitEvent): Promise<void> => {
    e.preventDefault();
    const f = new FormData(e.currentTarget as HTMLFormElement);
    const tags = String(f.get('tags') ?? '')
      .split(',')
      .map((t) => t.trim())
      .filter(Boolean);
    await act(`Configure ${node.name}`, async () => {
      await call('PATCH', path(node), {
        region: String(f.get('region') ?? ''),
        priority: Number(f.get('priority')),
        tags,
        contact: String(f.get('contact') ?? ''),
        remarks: String(f.get('remarks') ?? ''),
      });
      await call('PATCH', `${path(node)}/config`, settingsOf(f));
    });
    refresh();
  };
  return (
    <details>
      <summary>Configure</summary>
      <form class="fields" onSubmit={save}>
        <div class="pair">
          <Field id="d-region" label="Region">
            <input id="d-region" name="region" maxLength={64} defaultValue={node.location.region} />
          </Field>
          <Field id="d-priority" label="Priority" help="0 to 100; policies may prefer the higher.">
            <input
              id="d-priority"
              name="priority"
              type="number"
              min={0}
              max={100}
              defaultValue={String(node.priority ?? 50)}
            />
          </Field>
          {SETTINGS.map(([name, label, help]) => (
            <Field key={name} id={`d-${name}`} label={label} help={help}>
              <input
                id={`d-${name}`}
                name={name}
                pattern={FIGURES.has(name) ? '[0-9]+' : undefined}
                placeholder="its own"
                defaultValue={settings[name] === undefined ? '' : String(settings[name])}
              />
            </Field>
          ))}
          <Field id="d-logLevel" label="Log">
            <select id="d-logLevel" name="logLevel">
              {LEVELS.map((l) => (
                <option key={l} value={l} selected={l === (settings.logLevel ?? 'own')}>
                  {l === 'own' ? 'its own' : l}
                </option>
              ))}
            </select>
          </Field>
          <Field id="d-tags" label="Tags" help="Comma separated.">
            <input id="d-tags" name="tags" defaultValue={node.tags.join(', ')} />
          </Field>
          <Field id="d-contact" label="Contact" help="Who looks after it; users do not see it.">
            <input id="d-contact" name="contact" maxLength={256} defaultValue={node.contact ?? ''} />
          </Field>
        </div>
        <Field id="d-remarks" label="Remarks" help="For operators and viewers.">
          <textarea
            id="d-remarks"
            name="remarks"
            maxLength={2048}
            rows={2}
            defaultValue={node.remarks ?? ''}
          />
        </Field>
        <div class="row">
          <button type="submit" class="primary">
            Save
          </button>
          <span class="muted small">
            {node.config
              ? `version ${node.config.version}, the node has ${node.config.acknowledged}`
              : ''}
          </span>
        </div>
        {node.config?.problem ? <p class="note warn">{node.config.problem}</p> : null}
      </form>
    </details>
  );
}

const LOG_MS = 2000;
const LOG_LINES = 200;

interface Page {
  next: number;
  lines: string[];
}

export function Log({ node }: { node: Node }): JSX.Element {
  const [open, setOpen] = useState(false);
  const [lines, show] = useState<string[]>([]);
  const [wrong, say] = useState('');
  const next = useRef(0);
  useEffect(() => {
    if (!open) return undefined;
    let stopped = false;
    const read = async (): Promise<void> => {
      try {
        const p = await get<Page>(`${path(node)}/logs?lines=${LOG_LINES}&after=${next.current}`);
        if (stopped) return;
        if (p.lines.length) show((old) => [...old, ...p.lines].slice(-LOG_LINES));
        next.current = p.next;
        say('');
      } catch (e) {
        if (!stopped) say(message(e));
      }
      if (!stopped) timer = setTimeout(() => void read(), LOG_MS);
    };
    let timer = setTimeout(() => void read(), 0);
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }, [open, node.id]);
  return (
    <details onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary>Log</summary>
      {wrong ? <p class="note warn">{wrong}</p> : null}
      <pre class="raw" tabIndex={0} aria-label={`Last lines of the log of ${node.name}`}>
        {lines.join('\n') || (wrong ? '' : 'Asking the node…')}
      </pre>
    </details>
  );
}
