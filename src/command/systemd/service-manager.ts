import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Logger } from 'pino'
import { type Clock, systemClock } from '../../lib/clock.js'
import { codeOf } from '../../lib/log.js'

/** Sends assignments of sd_notify(3), such as `READY=1`. */
type Notify = (assignments: readonly string[]) => Promise<void>

interface ServiceManagerParts {
  readonly notify: Notify
  readonly clock: Clock
  /** Time of CLOCK_MONOTONIC, in microseconds. */
  readonly monotonic: () => bigint
  /** In milliseconds. systemd kills a service that is silent for this time. */
  readonly watchdog: number | undefined
}

/** Time after DRAIN_TIME to store sessions and close streams. */
const stopMicroseconds = 75e6

export type ServiceManager = ReturnType<typeof createServiceManager>

export function createServiceManager({ notify, clock, monotonic, watchdog }: ServiceManagerParts) {
  let status = () => ''
  let hasReloadFailed = false
  let last: Promise<void> = Promise.resolve()
  let isStopping = false

  const shown = () => `STATUS=${hasReloadFailed ? 'The last reload failed, see the log. ' : ''}${status()}`

  function send(...assignments: readonly string[]): void {
    last = last.then(() => (isStopping ? undefined : notify(assignments)))
  }

  function beat(interval: number): void {
    clock.after(interval, () => {
      send('WATCHDOG=1', shown())
      beat(interval)
    })
  }

  return {
    ready(current: () => string): void {
      status = current
      send('READY=1', shown())
      if (watchdog !== undefined) beat(watchdog / 2)
    },

    async reload(work: () => Promise<boolean>): Promise<void> {
      send('RELOADING=1', `MONOTONIC_USEC=${monotonic()}`, 'STATUS=reloads')
      let hasFailed = true
      try {
        hasFailed = !(await work())
      } finally {
        hasReloadFailed = hasFailed
        send('READY=1', shown())
      }
    },

    /** `drainTime` is in seconds. */
    stopping(drainTime: number): void {
      isStopping = true
      const longest = `EXTEND_TIMEOUT_USEC=${drainTime * 1e6 + stopMicroseconds}`
      // This message waits for no earlier message, because the process may exit soon.
      void notify(['STOPPING=1', longest, drainTime > 0 ? 'STATUS=drains, then stops' : 'STATUS=stops'])
    },
  }
}

/** Removes systemd's variables, so that child processes do not report. */
export function serviceManager(environment: NodeJS.ProcessEnv, log: Logger): ServiceManager {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: interval, WATCHDOG_PID: pid, PATH } = environment
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete environment[name]
  const isWatched = socket && Number(interval) > 0 && (pid === undefined || Number(pid) === process.pid)
  return createServiceManager({
    notify: socket ? notifyThrough({ NOTIFY_SOCKET: socket, PATH }, log) : async () => {},
    clock: systemClock,
    monotonic: () => process.hrtime.bigint() / 1000n,
    watchdog: isWatched ? Number(interval) / 1000 : undefined,
  })
}

/** `systemd-notify` sends the assignments, because Node has no Unix datagram sockets. `env` has no secrets. */
function notifyThrough(env: NodeJS.ProcessEnv, log: Logger): Notify {
  const failed = 'systemd-notify failed: systemd may stop this service'
  return async assignments => {
    try {
      const child = spawn('systemd-notify', assignments, { env, stdio: 'ignore' })
      child.unref()
      const [code] = await once(child, 'exit')
      if (code !== 0) log.warn({ code }, failed)
    } catch (error) {
      log.warn({ code: codeOf(error) }, failed)
    }
  }
}
