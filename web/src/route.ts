// SPDX-License-Identifier: Apache-2.0
// The view and its settings live in the address, behind the #, so that every view can be shared.
import { signal } from '@preact/signals';

export interface Route {
  view: string;
  query: URLSearchParams;
}

function read(): Route {
  const [view = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  return { view: view || 'now', query: new URLSearchParams(query) };
}

export const route = signal<Route>(read());

const CARRIED = ['range', 'from', 'to']; // the time, which goes along from view to view

export function href(view: string, query: Record<string, string> = {}): string {
  const all: Record<string, string> = {};
  for (const k of CARRIED) all[k] = route.value.query.get(k) ?? '';
  Object.assign(all, query);
  const q = new URLSearchParams(Object.entries(all).filter(([, v]) => v !== ''));
  return `#/${view}${q.size ? `?${q}` : ''}`;
}

export function go(view: string, query: Record<string, string> = {}): void {
  location.hash = href(view, query);
}

// Changes settings of the view without a step in the history.
export function set(changes: Record<string, string>): void {
  const query = { ...Object.fromEntries(route.value.query), ...changes };
  history.replaceState(null, '', href(route.value.view, query));
  route.value = read();
}

export function param(name: string, otherwise = ''): string {
  return route.value.query.get(name) ?? otherwise;
}

addEventListener('hashchange', () => (route.value = read()));
