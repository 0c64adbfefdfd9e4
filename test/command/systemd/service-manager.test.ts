import { beforeEach, describe, expect, test } from '@jest/globals'
import { createServiceManager, type ServiceManager } from '../../../src/command/systemd/service-manager.js'
import { FakeClock } from '../../support/fake-clock.js'

let clock: FakeClock
let told: string[][]

beforeEach(() => {
  clock = new FakeClock()
  told = []
})

function manager(watchdog?: number): ServiceManager {
  const notify = async (assignments: readonly string[]) => void told.push([...assignments])
  return createServiceManager({ notify, clock, monotonic: () => 1234n, watchdog })
}

const settled = () => new Promise(resolve => setImmediate(resolve))

describe('systemd is notified', () => {
  test('that the service is ready', async () => {
    manager().ready(() => '3 sessions')
    await settled()
    expect(told).toEqual([['READY=1', 'STATUS=3 sessions']])
    clock.advance(1_000_000)
    await settled()
    expect(told).toHaveLength(1)
  })

  test('at half the watchdog’s interval, with the number of sessions', async () => {
    let sessions = 0
    manager(30_000).ready(() => `${sessions} sessions`)
    clock.advance(14_999)
    await settled()
    expect(told).toHaveLength(1)
    sessions = 7
    clock.advance(1)
    clock.advance(15_000)
    await settled()
    expect(told.slice(1)).toEqual([
      ['WATCHDOG=1', 'STATUS=7 sessions'],
      ['WATCHDOG=1', 'STATUS=7 sessions'],
    ])
  })

  test('that the last reload failed, until a reload succeeds', async () => {
    const systemd = manager(30_000)
    systemd.ready(() => '3 sessions')
    await systemd.reload(async () => false)
    clock.advance(15_000)
    await settled()
    const invalid = 'STATUS=The last reload failed, see the log. 3 sessions'
    expect(told.slice(2)).toEqual([
      ['READY=1', invalid],
      ['WATCHDOG=1', invalid],
    ])
    await systemd.reload(async () => true)
    await settled()
    expect(told.at(-1)).toEqual(['READY=1', 'STATUS=3 sessions'])
  })

  test('when a reload begins, by the monotonic clock, and when it has ended, even if it failed', async () => {
    const systemd = manager()
    let finish = () => {}
    const done = systemd.reload(
      () =>
        new Promise<boolean>(resolve => {
          finish = () => resolve(true)
        }),
    )
    await settled()
    expect(told).toEqual([['RELOADING=1', 'MONOTONIC_USEC=1234', 'STATUS=reloads']])
    finish()
    await done
    await settled()
    expect(told[1]![0]).toBe('READY=1')
    const failing = systemd.reload(() => Promise.reject(new Error('unreadable')))
    await expect(failing).rejects.toThrow('unreadable')
    await settled()
    expect(told.at(-1)).toEqual(['READY=1', 'STATUS=The last reload failed, see the log. '])
  })

  test('how long the stop may take, and of nothing after it', async () => {
    const systemd = manager(1000)
    systemd.ready(() => '')
    await settled()
    systemd.stopping(600)
    expect(told).toHaveLength(2)
    systemd.ready(() => '')
    clock.advance(1000)
    await systemd.reload(async () => true)
    await settled()
    expect(told.slice(1)).toEqual([['STOPPING=1', 'EXTEND_TIMEOUT_USEC=675000000', 'STATUS=drains, then stops']])
  })
})
