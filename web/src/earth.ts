// SPDX-License-Identifier: Apache-2.0
// Where a place is on the map: the Natural Earth projection (Šavrič and others, 2011), as the
// outlines of build.mjs are drawn in it, and how far two places are apart.
export const WIDTH = 960;
export const HEIGHT = 480;
const EDGE = 6;
const RADIANS = Math.PI / 180;

function raw(lambda: number, phi: number): [number, number] {
  const p2 = phi * phi;
  const p4 = p2 * p2;
  return [
    lambda * (0.8707 - 0.131979 * p2 + p4 * (-0.013791 + p4 * (0.003971 * p2 - 0.001529 * p4))),
    phi * (1.007226 + p2 * (0.015085 + p4 * (-0.044475 + 0.028874 * p2 - 0.005916 * p4))),
  ];
}

const SCALE = Math.min(
  (WIDTH - 2 * EDGE) / (2 * raw(Math.PI, 0)[0]),
  (HEIGHT - 2 * EDGE) / (2 * raw(0, Math.PI / 2)[1]),
);

// Degrees, longitude first.
export function project([longitude, latitude]: [number, number]): [number, number] {
  const [x, y] = raw(longitude * RADIANS, latitude * RADIANS);
  return [WIDTH / 2 + SCALE * x, HEIGHT / 2 - SCALE * y];
}

// In radians of the globe.
export function distance(a: [number, number], b: [number, number]): number {
  const [la, pa, lb, pb] = [a[0] * RADIANS, a[1] * RADIANS, b[0] * RADIANS, b[1] * RADIANS];
  const half =
    Math.sin((pb - pa) / 2) ** 2 + Math.cos(pa) * Math.cos(pb) * Math.sin((lb - la) / 2) ** 2;
  return 2 * Math.asin(Math.min(1, Math.sqrt(half)));
}
