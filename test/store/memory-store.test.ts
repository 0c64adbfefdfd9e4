import { describe } from '@jest/globals'
import { memoryStore } from '../../src/store/memory-store.js'
import { FakeClock } from '../support/fake-clock.js'
import { storeContract } from './store-contract.js'

describe('the store in memory', () => {
  storeContract(async () => {
    const clock = new FakeClock()
    const store = memoryStore(clock, 0)
    return {
      open: async () => store,
      pass: async ms => clock.advance(ms),
      end: () => store.close(),
    }
  })
})
