// SPDX-License-Identifier: Apache-2.0
// Requests to the controller. The token lives in this tab only. A path that an older controller
// does not have is a Missing, which views say in words.
import { signal } from '@preact/signals';

const KEY = 'sonde.token';

export const token = signal(sessionStorage.getItem(KEY) ?? '');
export const refused = signal(false); // the controller did not accept the token

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly params: Record<string, string> = {},
    readonly body: unknown = null,
  ) {
    super(message);
  }
}

export class Missing extends ApiError {}

export function setToken(text: string): void {
  token.value = text.trim();
  refused.value = false;
  if (token.value) sessionStorage.setItem(KEY, token.value);
  else sessionStorage.removeItem(KEY);
}

function headers(body: unknown): Record<string, string> {
  const h: Record<string, string> = {};
  if (token.value) h.Authorization = `Bearer ${token.value}`;
  if (body !== undefined) h['Content-Type'] = 'application/json';
  return h;
}

function failure(status: number, body: unknown): ApiError {
  const e = (
    body as { error?: { type?: string; message?: string; params?: Record<string, string> } }
  )?.error;
  const params = e?.params ?? {};
  const text = [e?.message ?? `The controller answered ${status}.`, ...Object.values(params)].join(
    ' ',
  );
  const absent = status === 405 || (status === 404 && e?.message === 'No such path.');
  return new (absent ? Missing : ApiError)(status, text, params, body);
}

export async function call<T>(
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<T> {
  const answer = await fetch(path, {
    method,
    headers: headers(body),
    signal: signal ?? AbortSignal.timeout(30000),
    credentials: 'omit',
    body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await answer.text();
  let value: unknown = null;
  try {
    value = text ? JSON.parse(text) : null;
  } catch {
    value = text;
  }
  if (answer.ok) return value as T;
  if (answer.status === 401 && token.value) refused.value = true;
  throw failure(answer.status, value);
}

export const get = <T>(path: string): Promise<T> => call<T>('GET', path);
export const post = <T>(path: string, body: unknown = {}): Promise<T> =>
  call<T>('POST', path, body);

// A link of the form ?token=… or #…?token=… is used once and taken out of the address at once.
export function takeTokenFromAddress(): void {
  const url = new URL(location.href);
  const [view = '', query = ''] = url.hash.split('?');
  const inHash = new URLSearchParams(query);
  const given = url.searchParams.get('token') ?? inHash.get('token');
  if (!given) return;
  url.searchParams.delete('token');
  inHash.delete('token');
  url.hash = inHash.size ? `${view}?${inHash}` : view;
  history.replaceState(null, '', url);
  setToken(given);
}

export function message(e: unknown): string {
  if (e instanceof DOMException && e.name === 'TimeoutError')
    return 'The controller did not answer in time.';
  if (e instanceof TypeError) return 'No contact with the controller.';
  return e instanceof Error ? e.message : String(e);
}
