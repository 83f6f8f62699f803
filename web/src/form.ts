// SPDX-License-Identifier: Apache-2.0
// A type's form, from its JSON Schema or from its parameter rows, and the options out of what was
// typed. Only what differs from the default is sent.
import { shellWord } from './format.ts';
import type { ParamRow, Plugin, Schema } from './types.ts';

export interface Field {
  path: string; // dotted, as `request.method`
  kind: 'bool' | 'int' | 'number' | 'text' | 'choice' | 'duration' | 'map';
  help: string;
  unit: string;
  initial: string;
  choices: string[];
  min: number | null;
  max: number | null;
  required: boolean;
  secret: boolean;
}

function fieldOfRow(r: ParamRow): Field {
  const kinds: Record<string, Field['kind']> = {
    bool: 'bool',
    int: 'int',
    number: 'number',
    enum: 'choice',
    duration: 'duration',
    map: 'map',
  };
  return {
    path: r.name,
    kind: kinds[r.type] ?? 'text',
    help: r.help ?? '',
    unit: r.unit ?? '',
    initial: r.default ?? '',
    choices: r.enum ?? [],
    min: r.min ?? null,
    max: r.max ?? null,
    required: !!r.required,
    secret: !!r.secret,
  };
}

function kindOf(s: Schema): Field['kind'] {
  if (s.enum) return 'choice';
  if (Array.isArray(s.type)) return 'duration';
  if (s.type === 'boolean') return 'bool';
  if (s.type === 'integer') return 'int';
  if (s.type === 'number') return 'number';
  return s.type === 'object' ? 'map' : 'text';
}

function fieldsOfSchema(s: Schema, prefix: string, depth: number): Field[] {
  const out: Field[] = [];
  for (const [name, p] of Object.entries(s.properties ?? {})) {
    const path = prefix + name;
    if (p.properties && depth < 4) {
      out.push(...fieldsOfSchema(p, `${path}.`, depth + 1));
      continue;
    }
    const kind = kindOf(p);
    const initial = p.default === undefined || kind === 'map' ? '' : String(p.default);
    out.push({
      path,
      kind,
      help: p.description ?? '',
      unit: p['x-unit'] ?? '',
      initial,
      choices: p.enum ?? [],
      min: p.minimum ?? null,
      max: p.maximum ?? null,
      required: !!s.required?.includes(name),
      secret: !!p.writeOnly,
    });
  }
  return out;
}

export function fieldsOf(plugin: Plugin): Field[] {
  if (plugin.schema?.properties) return fieldsOfSchema(plugin.schema, '', 0);
  return (plugin.params ?? []).filter((r) => !r.internal && r.type !== 'rows').map(fieldOfRow);
}

function pairs(text: string): Record<string, string> {
  const out: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) out[line.slice(0, colon).trim()] = line.slice(colon + 1).trim();
  }
  return out;
}

export function valueOf(f: Field, text: string): unknown {
  if (f.kind === 'bool') return text === 'true';
  if (f.kind === 'map') return pairs(text);
  const number = Number(text);
  if ((f.kind === 'int' || f.kind === 'number') && text.trim() && Number.isFinite(number))
    return number;
  return text;
}

export function wrongWith(f: Field, text: string): string | null {
  if (!text.trim()) return f.required ? 'is required' : null;
  if (f.kind === 'int' && !/^-?\d+$/.test(text.trim())) return 'must be a whole number';
  if (f.kind === 'number' && !Number.isFinite(Number(text))) return 'must be a number';
  if (f.kind === 'duration' && !/^\d+(\.\d{1,9})?(ns|us|ms|s|m|h|d)?$/.test(text.trim()))
    return 'must be a duration such as 500ms, 2s or 5m';
  if (f.kind !== 'int' && f.kind !== 'number') return null;
  if (f.min !== null && Number(text) < f.min) return `must be at least ${f.min}`;
  if (f.max !== null && Number(text) > f.max) return `must be at most ${f.max}`;
  return null;
}

export function changed(f: Field, text: string | undefined): boolean {
  if (text === undefined) return false;
  if (f.kind === 'bool') return (text === 'true') !== (f.initial === 'true');
  return text.trim() !== '' && text !== f.initial;
}

export function optionsOf(fields: Field[], typed: Record<string, string>): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const f of fields) {
    const text = typed[f.path];
    if (text === undefined || !changed(f, text)) continue;
    const steps = f.path.split('.');
    let at = out;
    for (const step of steps.slice(0, -1)) at = (at[step] ??= {}) as Record<string, unknown>;
    at[steps[steps.length - 1] as string] = valueOf(f, text);
  }
  return out;
}

export interface Ask {
  type: string;
  target: string;
  from: string;
  limit: number;
  policy: string;
}

const flag = (f: Field): string => `--${f.path}`;

function cliArguments(f: Field, text: string): string[] {
  if (f.kind === 'bool') return text === 'true' ? [flag(f)] : [`${flag(f)}=false`];
  if (f.kind !== 'map') return [flag(f), shellWord(text)];
  return Object.entries(pairs(text)).flatMap(([k, v]) => [flag(f), shellWord(`${k}: ${v}`)]);
}

export function asCli(a: Ask, fields: Field[], typed: Record<string, string>): string {
  const words = ['sonde', a.type, shellWord(a.target || 'TARGET')];
  if (a.from.trim()) words.push('from', shellWord(a.from.trim().replace(/\s*,\s*/g, ',')));
  words.push('--limit', String(a.limit));
  if (a.policy) words.push('--policy', shellWord(a.policy));
  for (const f of fields)
    if (changed(f, typed[f.path]))
      words.push(...(f.secret ? [flag(f), '@FILE'] : cliArguments(f, typed[f.path] as string)));
  return words.join(' ');
}

export function asCurl(origin: string, body: unknown): string {
  return (
    `curl -s -H "Authorization: Bearer $SONDE_TOKEN" -H 'Content-Type: application/json' \\\n` +
    `  -d ${shellWord(JSON.stringify(body))} ${shellWord(`${origin}/v1/measurements`)}`
  );
}
