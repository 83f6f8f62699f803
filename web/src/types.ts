// SPDX-License-Identifier: Apache-2.0
// What the API says, as far as the dashboard reads it. Everything may be missing: the controller
// may be older or newer than this page.

export type Status = 'online' | 'stale' | 'offline' | 'pending' | 'disabled' | 'deregistered' | 'banned';

export interface Location {
  continent: string;
  region: string;
  country: string;
  state: string | null;
  city: string;
  asn: number;
  network: string;
  latitude: number;
  longitude: number;
}

export interface Live {
  address: string | null;
  load: number;
  responseMs: number;
  errorRate: number;
  probesRun: number;
  active: number;
  queued: number;
  capacity: number;
  spoolBytes: number;
  spoolCount: number;
  rttMs: number | null;
  clockOffsetMs: number | null;
  resultsStored: number;
  resultsLost: number;
  lastSeenMs: number;
}

export interface Node {
  id: string;
  name: string;
  status: Status;
  priority?: number;
  version: string | null;
  createdAt?: string;
  location: Location;
  tags: string[];
  ipv4?: boolean | null;
  ipv6?: boolean | null;
  resolvers?: string[];
  cpus?: number | null;
  memoryMiB?: number | null;
  plugins?: { name: string; version: string | null }[];
  pluginsRefused?: { file: string; why: string }[];
  approved?: boolean;
  disabled?: boolean;
  draining?: boolean;
  drained?: boolean;
  tier?: string | null;
  uplink?: string;
  owner?: string | null; // who may see such things only
  ownerName?: string | null;
  contact?: string | null;
  remarks?: string | null;
  refused?: string | null;
  updateAvailable?: string | null;
  locationProblem?: string | null;
  ban?: { reason: string; until: string | null };
  config?: {
    version: number;
    acknowledged: number;
    problem: string | null;
    settings: Record<string, unknown>;
  };
  key?: { rotating: boolean; kept: boolean; madeAt: string | null };
  selfTest?: Record<string, unknown>;
  live?: Live;
}

export interface ParamRow {
  name: string;
  type: string;
  help?: string;
  unit?: string;
  default?: string;
  enum?: string[];
  min?: number;
  max?: number;
  required?: boolean;
  secret?: boolean;
  internal?: boolean;
}

export interface Plugin {
  name: string;
  version: string;
  summary: string;
  target?: string;
  params?: ParamRow[];
  schema?: Schema;
}

export interface Schema {
  type?: string | string[];
  description?: string;
  enum?: string[];
  default?: unknown;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  writeOnly?: boolean;
  'x-unit'?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  required?: string[];
}

export interface Result {
  status: string;
  failure?: string | null;
  failureSource?: string | null;
  rawOutput?: string;
  [field: string]: unknown;
}

export interface ProbeResult {
  probe: Partial<Location> & { id?: string; name?: string; tags?: string[] };
  result: Result;
  receiver?: Result;
}

export interface Measurement {
  id: string;
  type: string;
  target: string;
  status: string;
  createdAt: string;
  updatedAt?: string;
  probesCount: number;
  locations?: unknown;
  limit?: number;
  measurementOptions?: Record<string, unknown>;
  placement?: {
    policy: string;
    version: number;
    seed: number;
    fallback: boolean;
    reason: string;
    tookUs: number;
  };
  schedule?: string;
  dueAt?: string;
  results: ProbeResult[];
}

export interface ResultRow {
  ingest: number;
  receivedAt: string;
  node: string | null;
  nodeName: string | null;
  measurement: string | null;
  type?: string;
  target?: string;
  late: boolean;
  result: Result;
}

export type Outcome = 'ok' | 'failed' | 'unmeasured';

// One result of one node, as the matrix, the charts and the path graph use it.
export interface Observation {
  measurement: string;
  type: string;
  target: string;
  schedule: string; // its id; empty for what was asked once
  nodeId: string;
  nodeName: string;
  at: number;
  outcome: Outcome;
  latency: number | null; // ms
  loss: number | null; // percent
  bands?: (number | null)[]; // of a rollup: least, low, high, most
  spread: number[] | null; // single round trips in ms, sorted
  mbit: number | null;
  loaded?: number | null; // ms while a bandwidth was measured
  hops: Hop[] | null;
  why: string | null;
}

export interface Hop {
  ttl: number;
  address: string | null;
  name?: string | null;
  rtt: number | null;
  loss: number | null;
  asn: number[];
}

export interface SonEvent {
  id?: string;
  at: string;
  kind: string;
  severity: string;
  node?: string;
  nodeName?: string;
  schedule?: string;
  scheduleName?: string;
  key?: string;
  cause?: string; // policies/name.lua:LINE
  silenced?: boolean;
  measurements?: string[];
  text: string;
}

// What is wrong now: from the event that raised it to the one that clears it.
export interface Problem extends SonEvent {
  id: string;
  state: 'open' | 'acked';
  comment?: string;
  count: number;
  lastAt: string;
}

export interface Silence {
  id: string;
  match: string;
  comment?: string;
  until: string;
}

export interface Schedule {
  id: string;
  name: string;
  type: string;
  target?: string;
  targets?: unknown;
  interval?: string | number;
  cron?: string;
  paused: boolean;
  secrets?: string[];
  problem?: string;
  owner?: string | null;
  ownerName?: string | null;
  nodesCount: number;
  expected: number;
  received: number;
  missing: number;
  members?: ScheduleMember[];
  [field: string]: unknown;
}

export interface ScheduleMember {
  id: string;
  name?: string;
  status: string;
  role: string;
  reason: string | null;
  expected: number;
  received: number;
  missing: number;
  lastDueAt?: string;
  lastRun?: string;
  nextDueAt?: string;
  missedInARow?: number;
  synced?: boolean;
  peers?: { id: string; name?: string; address?: string }[];
}

export interface Policy {
  name: string;
  summary: string | null;
  version: number;
  stats?: {
    decisions: number;
    fallbacks: number;
    faults: number;
    took_us: number;
    memory: number;
    off: boolean;
    last_error: string | null;
  };
}
