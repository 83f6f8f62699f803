// SPDX-License-Identifier: Apache-2.0
// What is wrong now: who looks at it, and what nobody shall be told about for a while.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, post } from '../api.ts';
import { ago, count, dateTime, span } from '../format.ts';
import { act, Mark } from '../parts.tsx';
import { href } from '../route.ts';
import { may, now, problems, refresh, schedules, silences } from '../store.ts';
import type { Problem, Silence } from '../types.ts';

// "policies/calm.lua:12" leads to that line.
export function Cause({ text }: { text: string | undefined }): JSX.Element | null {
  const at = /([\w-]+)\.lua:(\d+)$/.exec(text ?? '');
  if (!text) return null;
  if (!at) return <span class="mono">{text}</span>;
  return (
    <a class="mono" href={href('policies', { name: at[1] ?? '', line: at[2] ?? '' })}>
      {text}
    </a>
  );
}

async function silence(match: string, duration: string, comment: string): Promise<boolean> {
  const done = await act(`Silence ${match}`, () =>
    post('/v1/silences', { match, duration, comment }),
  );
  refresh();
  return done;
}

const TIMES: [string, string][] = [
  ['1h', 'an hour'],
  ['4h', '4 hours'],
  ['24h', 'a day'],
  ['168h', 'a week'],
];

// What a silence may match: the problem alone, or all of its schedule or node.
function matches(p: Problem): [string, string][] {
  const schedule = schedules.value?.find((s) => s.id === p.schedule)?.name;
  const out: [string, string][] = [];
  if (p.key) out.push([p.key, 'this problem']);
  if (schedule) out.push([schedule, `all of schedule ${schedule}`]);
  if (p.nodeName) out.push([p.nodeName, `all of node ${p.nodeName}`]);
  return out;
}

function Form({ p, close }: { p: Problem; close: () => void }): JSX.Element {
  const save = async (e: SubmitEvent): Promise<void> => {
    e.preventDefault();
    const f = new FormData(e.currentTarget as HTMLFormElement);
    const text = (name: string): string => String(f.get(name) ?? '');
    const what = (e.submitter as HTMLButtonElement | null)?.value;
    const done =
      what === 'silence'
        ? await silence(text('match'), text('for'), text('comment'))
        : await act('Acknowledge', () =>
            post(`/v1/events/${encodeURIComponent(p.id)}/ack`, { comment: text('comment') }),
          );
    refresh();
    if (done) close();
  };
  return (
    <form class="row" onSubmit={(e) => void save(e)}>
      <input name="comment" aria-label="Comment" placeholder="comment" maxLength={150} autofocus />
      <button type="submit" value="ack" class="primary">
        Acknowledge
      </button>
      <select name="match" aria-label="Silence what">
        {matches(p).map(([v, text]) => (
          <option key={v} value={v}>
            {text}
          </option>
        ))}
      </select>
      <select name="for" aria-label="Silence for">
        {TIMES.map(([v, text]) => (
          <option key={v} value={v}>
            for {text}
          </option>
        ))}
      </select>
      <button type="submit" value="silence">
        Silence
      </button>
      <button type="button" class="plain" onClick={close}>
        Cancel
      </button>
    </form>
  );
}

function Line({ p }: { p: Problem }): JSX.Element {
  const [open, setOpen] = useState(false);
  const since = Date.parse(p.at);
  return (
    <li>
      <div class="head">
        <span>
          <Mark status={p.severity === 'error' ? 'error' : 'warning'} text={p.severity} />{' '}
          <b>{p.text}</b>
        </span>
        {open || !may('operator') ? null : (
          <button type="button" onClick={() => setOpen(true)}>
            {p.state === 'acked' ? 'Silence' : 'Acknowledge or silence'}
          </button>
        )}
      </div>
      <p class="row small muted">
        <span>since {dateTime(since)}</span>
        <span>
          seen {p.count === 1 ? 'once' : `${count(p.count)} times`}, last{' '}
          {ago(Math.max(0, now.value - Date.parse(p.lastAt)))}
        </span>
        <Cause text={p.cause} />
        {p.state === 'acked' ? <span class="tag">acknowledged</span> : null}
        {p.silenced ? <span class="tag">silenced</span> : null}
        {p.comment ? <span>“{p.comment}”</span> : null}
        {p.node && p.nodeName ? (
          <a href={href('nodes', { node: p.node })}>{p.nodeName}</a>
        ) : null}
        {(p.measurements ?? []).map((id) => (
          <a key={id} href={href('measure', { id })}>
            looked deeper
          </a>
        ))}
      </p>
      {open ? <Form p={p} close={() => setOpen(false)} /> : null}
    </li>
  );
}

function SilenceLine({ s }: { s: Silence }): JSX.Element {
  const end = async (): Promise<void> => {
    await act(`End the silence of ${s.match}`, () =>
      call('DELETE', `/v1/silences/${encodeURIComponent(s.id)}`),
    );
    refresh();
  };
  return (
    <li class="head">
      <span>
        <b>{s.match}</b> for {span(Date.parse(s.until) - now.value)} more
        {s.comment ? <span class="muted"> “{s.comment}”</span> : null}
      </span>
      {may('operator') ? (
        <button type="button" onClick={() => void end()}>
          End
        </button>
      ) : null}
    </li>
  );
}

const SHOWN = 50;

export function Problems(): JSX.Element | null {
  const [all, showAll] = useState(false);
  const list = problems.value;
  if (!list) return null;
  const worst = (p: Problem): number => (p.severity === 'error' ? 0 : 1);
  const open = list
    .filter((p) => p.state === 'open' && !p.silenced)
    .sort((a, b) => worst(a) - worst(b) || Date.parse(b.at) - Date.parse(a.at));
  const rest = list.filter((p) => p.state !== 'open' || p.silenced);
  const shown = all ? [...open, ...rest] : open.slice(0, SHOWN);
  return (
    <>
      <section class="card" aria-label="Open problems">
        <div class="head">
          <h2>{open.length ? `${count(open.length)} open` : 'Nothing is wrong now'}</h2>
          {rest.length || open.length > SHOWN ? (
            <button type="button" aria-pressed={all} onClick={() => showAll(!all)}>
              Show {count(rest.length)} acknowledged or silenced, too
            </button>
          ) : null}
        </div>
        {shown.length ? (
          <ul class="lines">
            {shown.map((p) => (
              <Line key={p.id} p={p} />
            ))}
          </ul>
        ) : (
          <p class="muted small">
            Verdicts say so: policies that look at the results of schedules (<code>verdicts</code> of
            the controller).
          </p>
        )}
      </section>
      {silences.value?.length ? (
        <section class="card" aria-label="Silences">
          <h2>Nobody is told about</h2>
          <ul class="lines">
            {silences.value.map((s) => (
              <SilenceLine key={s.id} s={s} />
            ))}
          </ul>
        </section>
      ) : null}
    </>
  );
}
