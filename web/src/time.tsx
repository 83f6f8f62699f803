// SPDX-License-Identifier: Apache-2.0
// One time range for all views. It lives in the address: `range` counts back from now, `from` and
// `to` (milliseconds) are a fixed one, as chosen by drawing over a chart.
import { computed } from '@preact/signals';
import type { JSX } from 'preact';
import { dateTime } from './format.ts';
import { param, set } from './route.ts';
import { now, oldest } from './store.ts';

const MINUTE = 60000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const RANGES: [string, string, number][] = [
  ['5m', '5 minutes', 5 * MINUTE],
  ['15m', '15 minutes', 15 * MINUTE],
  ['30m', '30 minutes', 30 * MINUTE],
  ['1h', 'hour', HOUR],
  ['6h', '6 hours', 6 * HOUR],
  ['1d', 'day', DAY],
  ['7d', '7 days', 7 * DAY],
  ['30d', '30 days', 30 * DAY],
];
const USUAL = 3; // the longest that is read back; a shorter one while nothing is that old

function usual(at: number): [string, string, number] {
  return RANGES.slice(0, USUAL).find((r) => at - r[2] < oldest.value) ?? RANGES[USUAL]!;
}

export interface Range {
  key: string; // stays the same while the range does
  from: number;
  to: number;
  fixed: boolean;
}

// Every minute, for what need not be newer.
export const minute = computed(() => Math.floor(now.value / MINUTE));

// `at` is now, or later by what the caller rounds to.
export function rangeAt(at: number): Range {
  const [from, to] = [Number(param('from')), Number(param('to'))];
  if (from > 0 && to > from) return { key: `${from} ${to}`, from, to, fixed: true };
  const r = RANGES.find((x) => x[0] === param('range')) ?? usual(at);
  return { key: r[0], from: at - r[2], to: at, fixed: false };
}

export const within = (r: Range, at: number): boolean => at >= r.from && at <= r.to;

export function setFixed(from: number, to: number): void {
  set({ from: String(Math.round(from)), to: String(Math.round(to)), range: '' });
}

export function RangeChoice(): JSX.Element {
  const r = rangeAt(minute.value * MINUTE);
  return (
    <span class="row">
      {r.fixed ? (
        <span class="small">
          {dateTime(r.from)} to {dateTime(r.to)}
        </span>
      ) : null}
      <select
        aria-label="Time"
        value={r.fixed ? '' : r.key}
        onChange={(e) => set({ range: e.currentTarget.value, from: '', to: '' })}
      >
        {r.fixed ? <option value="">a time of your own</option> : null}
        {RANGES.map((x) => (
          <option key={x[0]} value={x[0]}>
            last {x[1]}
          </option>
        ))}
      </select>
    </span>
  );
}
