/** Longest time, in milliseconds, for what takes a moment: a machine that is busy with other tests is no failure. */
export const patience = 15_000

/** Resolves as soon as `holds` is true, for what no event announces; rejects after `seconds`, naming what it waited for. */
export async function eventually(
  what: string,
  holds: () => boolean,
  { seconds = patience / 1000 }: { seconds?: number } = {},
): Promise<void> {
  const deadline = performance.now() + seconds * 1000
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}
