import { afterEach } from '@jest/globals'

/** A list for the tests of a file: what is added to it is called after the test, the newest first. */
export function calledAfterEach(): (() => unknown)[] {
  const closers: (() => unknown)[] = []
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close()
  })
  return closers
}
