/** Keeps no more than `most` in a map to which one was just added: what was set first goes first. */
export function forgetOldest(map: Map<string, unknown>, most: number): void {
  // A Map keeps the order of insertion.
  if (map.size > most) map.delete(map.keys().next().value!)
}
