import { afterEach, beforeEach, jest } from '@jest/globals'

/** In each test of the file or group, the timers of Jest. Turns of the event loop go on if `hasTurns`. */
export function useFakeTimers({ hasTurns = false, now = Date.now() } = {}): void {
  beforeEach(() => {
    jest.useFakeTimers({ now, doNotFake: hasTurns ? ['nextTick', 'setImmediate', 'queueMicrotask'] : [] })
  })
  afterEach(() => void jest.useRealTimers())
}
