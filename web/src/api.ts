// SPDX-License-Identifier: Apache-2.0
// Requests to the controller. The token, or the session of a user, lives in this tab only; a session
// is renewed before its access token ends. A path that an older controller does not have is a
// Missing, which views say in words.
import { signal } from '@preact/signals';

const KEY = 'sonde.token';
const RENEWAL = 'sonde.refresh';
// These take no credential; one that has ended would be refused there, too.
const OPEN = new Set(['/v1/auth/login', '/v1/auth/refresh', '/v1/auth/logout']);
const EARLY_MS = 60000; // before its end a token is renewed

let endsAt = 0; // of the access token of a session; 0 = it has no end

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

function keep(key: string, text: string): void {
  if (text) sessionStorage.setItem(key, text);
  else sessionStorage.removeItem(key);
}

export function setToken(text: string): void {
  token.value = text.trim();
  refused.value = false;
  keep(KEY, token.value);
  keep(RENEWAL, '');
  endsAt = 0;
}

// ---- sessions of users ----

interface Session {
  token: string;
  expiresIn: number; // seconds
  refreshToken: string;
}

function setSession(s: Session): void {
  setToken(s.token);
  keep(RENEWAL, s.refreshToken);
  endsAt = Date.now() + 1000 * s.expiresIn;
}

export async function logIn(name: string, password: string): Promise<void> {
  setSession(await send<Session>('POST', '/v1/auth/login', { name, password }));
}

export async function changePassword(password: string, newPassword: string): Promise<void> {
  const s = await call<Partial<Session>>('POST', '/v1/auth/password', { password, newPassword });
  if (s?.token && s.refreshToken) setSession(s as Session);
}

// The session ends at the controller, too; a token of its own stays good.
export async function logOut(): Promise<void> {
  const refreshToken = sessionStorage.getItem(RENEWAL);
  setToken('');
  if (refreshToken)
    await send('POST', '/v1/auth/logout', { refreshToken }).catch(() => undefined);
}

// A refresh token is good once, so that two at a time must not use it.
let renewing: Promise<boolean> | null = null;

async function renew(): Promise<boolean> {
  const refreshToken = sessionStorage.getItem(RENEWAL);
  if (!refreshToken) return false;
  try {
    setSession(await send<Session>('POST', '/v1/auth/refresh', { refreshToken }));
    return true;
  } catch (e) {
    if (e instanceof ApiError && e.status === 401) keep(RENEWAL, '');
    return false;
  }
}

function renewed(): Promise<boolean> {
  renewing ??= renew().finally(() => (renewing = null));
  return renewing;
}

function headers(path: string, body: unknown): Record<string, string> {
  const h: Record<string, string> = {};
  if (token.value && !OPEN.has(path)) h.Authorization = `Bearer ${token.value}`;
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

async function send<T>(
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<T> {
  const answer = await fetch(path, {
    method,
    headers: headers(path, body),
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
  throw failure(answer.status, value);
}

export async function call<T>(
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<T> {
  const own = !!token.value;
  if (endsAt && Date.now() > endsAt - EARLY_MS) await renewed();
  try {
    return await send<T>(method, path, body, signal);
  } catch (e) {
    if (!(e instanceof ApiError) || e.status !== 401 || !own) throw e;
    if (await renewed()) return send<T>(method, path, body, signal);
    refused.value = true;
    throw e;
  }
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
