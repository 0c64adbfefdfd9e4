/** Longest time, in milliseconds, for what takes a moment: a slow or busy machine is no failure. */
export const patience = 120_000

/** Resolves as soon as `holds` is true, for changes without an event. Rejects with `what` after `seconds`. */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  { seconds = patience / 1000 }: { seconds?: number } = {},
): Promise<void> {
  const deadline = performance.now() + seconds * 1000
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

/** Resolves as soon as the number is above 0, and no longer changes. */
export async function steady(what: string, read: () => number): Promise<void> {
  let before = 0
  await eventually(`${what} stays the same`, () => {
    const now = read()
    const isSame = now > 0 && now === before
    before = now
    return isSame
  })
}
