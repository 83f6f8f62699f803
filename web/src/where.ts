// SPDX-License-Identifier: Apache-2.0
// The free text of "from": a comma means or, a plus means and. The count of matching nodes is an
// estimate of the page; what the controller answers decides.
import type { Node } from './types.ts';

const WORLD = new Set(['', 'world', 'anywhere', '*']);

export function parts(text: string): string[] {
  return text
    .split(',')
    .map((p) => p.trim())
    .filter(Boolean);
}

function isTag(n: Node, t: string): boolean {
  return (
    n.tags.some((v) => v.toLowerCase() === t) || (n.location.asn > 0 && t === `as${n.location.asn}`)
  );
}

// As the controller does it: two letters are a code, anything longer may be a part of a name.
function hasTerm(n: Node, term: string): boolean {
  const t = term.trim().toLowerCase();
  const l = n.location;
  if (WORLD.has(t) || isTag(n, t)) return true;
  if (t.length === 2)
    return [l.country, l.continent, l.state ?? '', l.region].some((v) => v.toLowerCase() === t);
  const spaced = t.replace(/-/g, ' ');
  const names = [l.region, l.city, l.network, n.name].map((v) => (v ?? '').toLowerCase());
  return names.some((v) => v.includes(t) || v.includes(spaced));
}

export function matches(n: Node, text: string): boolean {
  const asked = parts(text);
  return !asked.length || asked.some((p) => p.split('+').every((t) => hasTerm(n, t)));
}

export function usable(n: Node, type: string): boolean {
  if (n.status !== 'online') return false;
  return !n.plugins || !type || n.plugins.some((p) => p.name === type);
}

export function matching(nodes: Node[], text: string, type: string): Node[] {
  return nodes.filter((n) => usable(n, type) && matches(n, text));
}

export function locations(text: string): { magic: string }[] {
  return parts(text)
    .filter((p) => !WORLD.has(p.toLowerCase()))
    .map((magic) => ({ magic }));
}

// What could be typed next, most common first.
export function suggestions(nodes: Node[], text: string, max = 8): string[] {
  const last = text
    .slice(Math.max(text.lastIndexOf(','), text.lastIndexOf('+')) + 1)
    .trim()
    .toLowerCase();
  const found = new Map<string, number>();
  for (const n of nodes) {
    const l = n.location;
    const asn = l.asn ? [`AS${l.asn}`] : [];
    for (const v of [
      l.region,
      l.country,
      l.city,
      l.continent,
      l.network,
      n.name,
      ...n.tags,
      ...asn,
    ])
      if (v && v.toLowerCase().startsWith(last) && v.toLowerCase() !== last)
        found.set(v, (found.get(v) ?? 0) + 1);
  }
  return [...found]
    .sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]))
    .slice(0, max)
    .map((f) => f[0]);
}

export function complete(text: string, choice: string): string {
  const at = Math.max(text.lastIndexOf(','), text.lastIndexOf('+')) + 1;
  return text.slice(0, at) + (at && text[at - 1] === ',' ? ' ' : '') + choice;
}
