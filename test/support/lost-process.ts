// A process that no longer answers, and that the others miss.

import { memberOf } from '../store/entries.js'
import { memoryStore } from './memory-store.js'
import { startTestService, type TestService, type TestServiceOptions } from './start-service.js'
import { SteppedClock } from './stepped-clock.js'

/** Starts a service that misses the process `name`. */
export async function startWithLostProcess(
  name: string,
  start: (options: TestServiceOptions) => Promise<TestService> = startTestService,
): Promise<TestService> {
  const clock = new SteppedClock()
  const store = memoryStore(clock)
  await store.join(memberOf(name))
  const service = await start({ store, clock })
  await store.leave(name)
  // The service looks each second which processes there are.
  clock.advance(1_000)
  return service
}
