import { afterAll, afterEach } from '@jest/globals'

/** A list for the tests of a file: what is added to it is called after the test, the newest first. */
export const calledAfterEach = () => calledAfter(afterEach)

/** Takes what tests start, and resolves with it. It is stopped after all tests of the file or group, the newest first. */
export const stoppedAfterAll = () => stoppedAfter(afterAll)

/** The same, but it is stopped after the test. */
export const stoppedAfterEach = () => stoppedAfter(afterEach)

type Stoppable = { stop(): unknown } | { leave(): unknown }

function calledAfter(hook: typeof afterAll): (() => unknown)[] {
  const closers: (() => unknown)[] = []
  hook(async () => {
    for (const close of closers.splice(0).reverse()) await close()
  })
  return closers
}

function stoppedAfter(hook: typeof afterAll) {
  const closers = calledAfter(hook)
  return async <S extends Stoppable>(starting: S | Promise<S>): Promise<S> => {
    closers.push(async () => {
      // What did not start has failed the test.
      const each = await Promise.resolve(starting).catch(() => undefined)
      if (each !== undefined) await ('stop' in each ? each.stop() : each.leave())
    })
    return starting
  }
}
