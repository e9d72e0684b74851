/** Sets the key and moves it to the young end; the oldest goes where there are too many. */
export function keep<Key, Value>(map: Map<Key, Value>, limit: number, key: Key, value: Value): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= limit) return;
  // A Map iterates in the order of insertion.
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
