// SPDX-License-Identifier: Apache-2.0
// Light or dark: as the system has it, until chosen. The colours themselves are in style.css.
import { signal } from '@preact/signals';

const KEY = 'sonde.theme';
const system = matchMedia('(prefers-color-scheme: dark)');

export const theme = signal<'light' | 'dark'>('light');

function apply(): void {
  const chosen = localStorage.getItem(KEY);
  theme.value =
    chosen === 'light' || chosen === 'dark' ? chosen : system.matches ? 'dark' : 'light';
  document.documentElement.dataset.theme = theme.value;
}

export function toggle(): void {
  localStorage.setItem(KEY, theme.value === 'dark' ? 'light' : 'dark');
  apply();
}

export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

export function start(): void {
  apply();
  system.addEventListener('change', apply);
}
