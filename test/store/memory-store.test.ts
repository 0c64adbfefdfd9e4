import { describe } from '@jest/globals'
import { FakeClock } from '../support/fake-clock.js'
import { memoryStore } from '../support/memory-store.js'
import { storeContract } from './store-contract.js'

describe('the store in memory', () => {
  storeContract(async () => {
    const clock = new FakeClock()
    const store = memoryStore(clock, 0)
    return { open: async () => store, pass: async ms => clock.advance(ms), end: () => store.close() }
  })
})
