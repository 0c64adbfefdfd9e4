/** Call this after each insertion. Returns the value that the map drops. */
export function forgetOldest<T>(map: Map<string, T>, most: number): T | undefined {
  if (map.size <= most) return undefined
  const [key, value] = map.entries().next().value!
  map.delete(key)
  return value
}
