// SPDX-License-Identifier: Apache-2.0
// What a view reads for itself: once when it is shown, and again when it asks.
import { useCallback, useEffect, useState } from 'preact/hooks';
import { get, message, Missing } from './api.ts';

export interface Loaded<T> {
  value: T | null;
  missing: boolean; // this controller does not have it
  trouble: string;
  again: () => Promise<void>;
}

export function useLoaded<T>(path: string): Loaded<T> {
  const [value, show] = useState<T | null>(null);
  const [missing, lack] = useState(false);
  const [trouble, say] = useState('');
  const again = useCallback(async (): Promise<void> => {
    try {
      show(await get<T>(path));
      say('');
    } catch (e) {
      lack(e instanceof Missing);
      say(message(e));
    }
  }, [path]);
  useEffect(() => void again(), [again]);
  return { value, missing, trouble, again };
}
