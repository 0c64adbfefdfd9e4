/** Resolves as soon as `holds` is true; rejects after `seconds`, saying what did not happen. */
export async function eventually(
  what: string,
  holds: () => boolean,
  { seconds = 3 }: { seconds?: number } = {},
): Promise<void> {
  const until = performance.now() + seconds * 1000
  while (!holds()) {
    if (performance.now() > until) throw new Error(`did not happen within ${seconds} s: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}
