// Jest's environment for Node, without what Jest itself leaves behind each test file.
import { AsyncLocalStorage } from 'node:async_hooks'
import { TestEnvironment } from 'jest-environment-node'

/** Jest's runner makes a storage for each file and never disables it: each promise would be told to all of them. */
const storages = new Set()
const { run } = AsyncLocalStorage.prototype

AsyncLocalStorage.prototype.run = function (...args) {
  storages.add(this)
  return run.apply(this, args)
}

export default class extends TestEnvironment {
  async teardown() {
    for (const storage of storages) storage.disable()
    storages.clear()
    await super.teardown()
  }
}
