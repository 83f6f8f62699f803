// SPDX-License-Identifier: Apache-2.0
// Small parts that views share: status marks (colour and shape), strips, copying, downloads.
import { signal } from '@preact/signals';
import type { ComponentChildren, JSX, Ref } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { message, refused, token } from './api.ts';
import { csv } from './format.ts';
import type { Observation } from './types.ts';

const SHAPES: Record<string, string> = {
  online: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2z',
  ok: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2z',
  stale: 'M8 1.5 15 14H1z',
  warning: 'M8 1.5 15 14H1z',
  unmeasured: 'M8 1.5 15 14H1z',
  offline: 'm3.5 2-1.5 1.5L6.5 8 2 12.5 3.5 14 8 9.5 12.5 14 14 12.5 9.5 8 14 3.5 12.5 2 8 6.5z',
  failed: 'm3.5 2-1.5 1.5L6.5 8 2 12.5 3.5 14 8 9.5 12.5 14 14 12.5 9.5 8 14 3.5 12.5 2 8 6.5z',
  error: 'm3.5 2-1.5 1.5L6.5 8 2 12.5 3.5 14 8 9.5 12.5 14 14 12.5 9.5 8 14 3.5 12.5 2 8 6.5z',
  pending: 'M8 1 15 8 8 15 1 8z',
  info: 'M8 1 15 8 8 15 1 8z',
  disabled: 'M2 6.5h12v3H2z',
  banned: 'M2 6.5h12v3H2z',
  deregistered: 'M2 2h12v12H2zm2.5 2.5v7h7v-7z',
};

export function Mark({ status, text }: { status: string; text?: string }): JSX.Element {
  const shape = SHAPES[status] ?? SHAPES.disabled;
  return (
    <span class={`status s-${SHAPES[status] ? status : 'none'}`}>
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <path d={shape} fill="currentColor" fill-rule="evenodd" />
      </svg>
      <span>{text ?? status}</span>
    </span>
  );
}

// What was chosen in a long table stands below it: it is scrolled to when it comes.
export function useShown(): Ref<HTMLElement> {
  const own = useRef<HTMLElement>(null);
  useEffect(() => own.current?.scrollIntoView({ block: 'nearest' }), []);
  return own;
}

const BEATS = 60;
const KINDS = ['ok', 'failed', 'unmeasured', 'loss'] as const;

// Few elements, as there may be hundreds of strips: a path for each kind of bar. A loss is the lower
// part of a bar that is well; what could not be measured is a low bar.
function bars(of: Observation[], kind: (typeof KINDS)[number]): string {
  let d = '';
  of.forEach((o, i) => {
    const is = kind === 'loss' ? o.outcome === 'ok' && !!o.loss : o.outcome === kind;
    const top = kind === 'loss' ? 10 : kind === 'unmeasured' ? 7 : 0;
    if (is) d += `M${6 * i} ${top}h5V18h-5z`;
  });
  return d;
}

export function Beats({ of }: { of: Observation[] }): JSX.Element {
  const last = of.slice(-BEATS);
  const well = last.filter((o) => o.outcome === 'ok' && !o.loss).length;
  return (
    <div
      class="beats"
      role="img"
      aria-label={`${well} of the last ${last.length} rounds were well`}
    >
      <svg viewBox={`0 0 ${6 * BEATS} 18`} preserveAspectRatio="none" aria-hidden="true">
        {KINDS.map((kind) => (
          <path key={kind} class={kind} d={bars(last, kind)} />
        ))}
      </svg>
    </div>
  );
}

export function Copy({
  text,
  children,
}: {
  text: string;
  children: ComponentChildren;
}): JSX.Element {
  const [said, say] = useState('');
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      say('Copied');
    } catch {
      say('Not allowed to copy');
    }
    setTimeout(() => say(''), 1500);
  };
  return (
    <button type="button" onClick={copy} aria-live="polite">
      {said || children}
    </button>
  );
}

export function download(name: string, head: string[], rows: unknown[][]): void {
  const url = URL.createObjectURL(new Blob([csv(head, rows)], { type: 'text/csv' }));
  const a = document.createElement('a');
  a.href = url;
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

export function Csv(p: { name: string; head: string[]; rows: () => unknown[][] }): JSX.Element {
  return (
    <button type="button" onClick={() => download(p.name, p.head, p.rows())}>
      CSV
    </button>
  );
}

export function Empty({
  title,
  children,
}: {
  title: string;
  children?: ComponentChildren;
}): JSX.Element {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

export function Needs({ what, path }: { what: string; path: string }): JSX.Element {
  return (
    <div class="card">
      <Empty title={`This controller has no ${what} yet`}>
        <p>
          The view needs <code>{path}</code>, which it does not answer. It appears here when it
          does.
        </p>
      </Empty>
    </div>
  );
}

export function Login(): JSX.Element {
  return (
    <div class="card">
      <Empty title={token.value && !refused.value ? 'This is not for your role' : 'Log in to see this'}>
        <p>
          It needs a login with the right role. <a href="#/login">Log in</a>.
        </p>
      </Empty>
    </div>
  );
}

export function Field(p: {
  id: string;
  label: string;
  help?: string;
  wrong?: string | null;
  children: ComponentChildren;
}): JSX.Element {
  return (
    <div class="field">
      <label for={p.id}>{p.label}</label>
      {p.children}
      {p.wrong ? (
        <span class="wrong" role="alert" id={`${p.id}-wrong`}>
          {p.wrong}
        </span>
      ) : null}
      {p.help ? <span class="help">{p.help}</span> : null}
    </div>
  );
}

// What an action said last, shown at the top of the page until the next one.
export const said = signal<{ text: string; bad: boolean } | null>(null);

export async function act(name: string, work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    said.value = { text: `${name}: done.`, bad: false };
    return true;
  } catch (e) {
    said.value = { text: `${name}: ${message(e)}`, bad: true };
    return false;
  }
}

export function Options({ of, first }: { of: string[]; first?: string }): JSX.Element {
  return (
    <>
      {of.map((o) => (
        <option key={o} value={o} selected={o === first || undefined}>
          {o}
        </option>
      ))}
    </>
  );
}

// The end of a form that opens and closes.
export function SaveOrCancel({ cancel }: { cancel: () => void }): JSX.Element {
  return (
    <div class="row">
      <button type="submit" class="primary">
        Save
      </button>
      <button type="button" onClick={cancel}>
        Cancel
      </button>
    </div>
  );
}

// A secret that the controller tells only now; nothing while there is none.
export function ShownOnce({ text }: { text: string }): JSX.Element | null {
  if (!text) return null;
  return (
    <p class="note row">
      <code>{text}</code> <Copy text={text}>Copy</Copy>
      <span class="small">It is shown once.</span>
    </p>
  );
}
