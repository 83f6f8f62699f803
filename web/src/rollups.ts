// SPDX-License-Identifier: Apache-2.0
// Longer times than single results are kept for: the controller's rollups, as points that a smoke
// chart can draw. The outer band is least to most, the inner one median to 90 %.
import type { Observation } from './types.ts';

export interface RollupPoint {
  at: string;
  count: number;
  failed: number;
  unmeasured: number;
  loss: number | null;
  min: number | null;
  max: number | null;
  p50: number | null;
  p90: number | null;
}

export interface RollupAnswer {
  step: string;
  series: { node: string; nodeName: string | null; points: RollupPoint[] }[];
}

function outcomeOf(p: RollupPoint): Observation['outcome'] {
  if (p.p50 !== null) return 'ok';
  return p.failed > 0 ? 'failed' : 'unmeasured';
}

export function pointsOf(a: RollupAnswer, type: string, target: string): Observation[] {
  return a.series.flatMap((s) =>
    s.points.map((p) => {
      const measured = p.count - p.unmeasured;
      const failed = measured > 0 ? (100 * p.failed) / measured : null;
      return {
        measurement: `${s.node} ${p.at}`,
        type,
        target,
        schedule: '',
        nodeId: s.node,
        nodeName: s.nodeName ?? s.node,
        at: Date.parse(p.at),
        outcome: outcomeOf(p),
        latency: p.p50,
        loss: Math.max(p.loss ?? 0, failed ?? 0),
        spread: null,
        bands: [p.min, p.p50, p.p90, p.max],
        mbit: null,
        hops: null,
        why: null,
      } satisfies Observation;
    }),
  );
}
