/** An account's name as people write it. */
export function titleOf(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1)
}
