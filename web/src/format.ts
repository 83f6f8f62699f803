// SPDX-License-Identifier: Apache-2.0
// Numbers and times as people read them. A value that was not measured is a dash, never 0.

export const NONE = '–';

export function ms(v: number | null | undefined): string {
  if (v === null || v === undefined || !Number.isFinite(v)) return NONE;
  if (v < 0.1) return `${v.toFixed(3)} ms`;
  if (v < 10) return `${v.toFixed(2)} ms`;
  if (v < 100) return `${v.toFixed(1)} ms`;
  if (v < 10000) return `${Math.round(v)} ms`;
  return `${(v / 1000).toFixed(1)} s`;
}

export function percent(v: number | null | undefined): string {
  if (v === null || v === undefined || !Number.isFinite(v)) return NONE;
  if (v === 0 || v === 100) return `${v} %`;
  return v < 1 ? `${v.toFixed(2)} %` : `${v.toFixed(v < 10 ? 1 : 0)} %`;
}

export function mbit(v: number | null | undefined): string {
  if (v === null || v === undefined || !Number.isFinite(v)) return NONE;
  return v < 1000 ? `${brief(v)} Mbit/s` : `${(v / 1000).toFixed(2)} Gbit/s`;
}

// Without a unit, for where there is little room.
export function brief(v: number | null | undefined): string {
  if (v === null || v === undefined || !Number.isFinite(v)) return NONE;
  return v === 0 ? '0' : v < 0.1 ? v.toFixed(3) : v < 10 ? v.toFixed(2) : String(Math.round(v));
}

export function count(v: number | null | undefined): string {
  if (v === null || v === undefined || !Number.isFinite(v)) return NONE;
  return Math.round(v).toLocaleString('en-US').replace(/,/g, '\u202f');
}

export function rate(v: number | null | undefined): string {
  if (v === null || v === undefined || !Number.isFinite(v)) return NONE;
  return v > 0 && v < 10 ? v.toFixed(1) : count(v);
}

export function bytes(v: number | null | undefined): string {
  if (v === null || v === undefined || !Number.isFinite(v)) return NONE;
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let i = 0;
  while (v >= 1000 && i < units.length - 1) {
    v /= 1000;
    i++;
  }
  return `${i && v < 100 ? v.toFixed(1) : Math.round(v)} ${units[i]}`;
}

export function span(milliseconds: number): string {
  const s = Math.max(0, Math.round(milliseconds / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} d`;
}

export function ago(milliseconds: number): string {
  return milliseconds < 0 ? 'never' : `${span(milliseconds)} ago`;
}

export function clock(at: number): string {
  return new Date(at).toLocaleTimeString('en-GB');
}

export function dateTime(at: number): string {
  const d = new Date(at);
  const day = d.toLocaleDateString('sv-SE');
  return day === new Date().toLocaleDateString('sv-SE') ? clock(at) : `${day} ${clock(at)}`;
}

export function place(l: { city?: string; country?: string; region?: string }): string {
  return [l.city, l.country, l.region].filter(Boolean).join(', ') || 'no location';
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

// For a POSIX shell: what is safe stays bare.
export function shellWord(s: string): string {
  return /^[\w@%+=:,./-]+$/.test(s) ? s : `'${s.replace(/'/g, `'\\''`)}'`;
}

// A cell that a spreadsheet might run as a formula is kept as text.
export function csvCell(v: unknown): string {
  let s = v === null || v === undefined ? '' : String(v);
  if (typeof v === 'string' && /^[=+\-@\t\r]/.test(s)) s = `'${s}`;
  return /[",\n\r]/.test(s) ? `"${s.replace(/"/g, '""')}"` : s;
}

export function csv(head: string[], rows: unknown[][]): string {
  return [head, ...rows].map((r) => r.map(csvCell).join(',')).join('\r\n') + '\r\n';
}
