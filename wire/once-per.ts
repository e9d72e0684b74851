/** `make`, but once for each object for as long as that is held. For objects that nobody changes. */
export function oncePer<Key extends object, Value>(make: (key: Key) => Value): (key: Key) => Value {
  const made = new WeakMap<Key, { readonly value: Value }>();
  return (key) => {
    const known = made.get(key);
    if (known !== undefined) return known.value;
    const value = make(key);
    made.set(key, { value });
    return value;
  };
}

/** What JSON.stringify makes of it. */
export const jsonOf = oncePer((value: object) => JSON.stringify(value));
