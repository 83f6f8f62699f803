// SPDX-License-Identifier: Apache-2.0
// The audit log: every administrative act, newest first.
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { get, message, Missing } from '../api.ts';
import { dateTime } from '../format.ts';
import { Csv, Empty, Mark, Needs } from '../parts.tsx';

interface Act {
  id: string;
  at: string;
  who: string;
  role: string;
  from: string;
  what: string;
  method: string;
  path: string;
  note: string | null;
  status: number;
  request: string;
}

const PAGE = 100;

export function Audit(): JSX.Element {
  const [acts, show] = useState<Act[]>([]);
  const [more, hasMore] = useState(false);
  const [missing, lack] = useState(false);
  const [trouble, say] = useState('');
  const read = async (before: string): Promise<void> => {
    try {
      const page = await get<Act[]>(
        `/v1/audit?limit=${PAGE}${before ? `&before=${encodeURIComponent(before)}` : ''}`,
      );
      show(before ? [...acts, ...page] : page);
      hasMore(page.length === PAGE);
    } catch (e) {
      lack(e instanceof Missing);
      say(message(e));
    }
  };
  useEffect(() => void read(''), []);
  if (missing) return <Needs what="audit log" path="/v1/audit" />;
  return (
    <section class="card" aria-label="Audit">
      <div class="head">
        <h2>Audit</h2>
        <div>
          <button type="button" onClick={() => void read('')}>
            Read again
          </button>
          <Csv
            name="sonde-audit.csv"
            head={['at', 'who', 'role', 'from', 'method', 'path', 'note', 'status', 'request']}
            rows={() =>
              acts.map((a) => [
                a.at,
                a.who,
                a.role,
                a.from,
                a.method,
                a.path,
                a.note,
                a.status,
                a.request,
              ])
            }
          />
        </div>
      </div>
      {trouble ? <p class="note warn">{trouble}</p> : null}
      {acts.length ? (
        <div class="scroll" tabIndex={0} role="region" aria-label="Table of acts">
          <table>
            <thead>
              <tr>
                <th>When</th>
                <th>Who</th>
                <th>What</th>
                <th>Answer</th>
              </tr>
            </thead>
            <tbody>
              {acts.map((a) => (
                <tr key={a.id}>
                  <td>{dateTime(Date.parse(a.at))}</td>
                  <td>
                    {a.who}
                    <div class="muted small">
                      {a.role} from {a.from}
                    </div>
                  </td>
                  <td>
                    {a.what}
                    <div class="muted small mono">
                      {a.method} {a.path} {a.note ?? ''}
                    </div>
                  </td>
                  <td>
                    <Mark status={a.status < 400 ? 'ok' : 'warning'} text={String(a.status)} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <Empty title="No act is recorded yet" />
      )}
      {more ? (
        <button type="button" onClick={() => void read(acts[acts.length - 1]?.id ?? '')}>
          Older ones
        </button>
      ) : null}
    </section>
  );
}
