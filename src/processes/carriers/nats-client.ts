import type { Msg, NatsConnection } from '@nats-io/transport-node'
import type { Logger } from 'pino'
import type { NatsSettings } from '../../config/config.js'
import { ConfigError } from '../../config/load.js'
import type { Clock, Timer } from '../../lib/clock.js'
import { traceOf } from '../../lib/log.js'
import { isForbidden, problemOf, reasonOf } from './nats-faults.js'
import {
  connectionOptions,
  type OnNatsCertificate,
  pauseMilliseconds,
  refusedMilliseconds,
  soonMilliseconds,
} from './nats-options.js'

interface NatsEvents {
  onUp(): void
  onDown(): void
  onMessage(message: Msg): void
}

export interface NatsClientParts {
  readonly settings: NatsSettings
  readonly name: string
  readonly subjects: readonly string[]
  readonly targets: readonly string[]
  readonly onCertificate?: OnNatsCertificate | undefined
  readonly log: Logger
  readonly clock: Clock
}

export class NatsClient {
  readonly #parts: NatsClientParts
  readonly #events: NatsEvents
  #connection: NatsConnection | undefined
  #isUp = false
  #isClosed = false
  #again: Timer | undefined
  #refusal: Error | undefined
  readonly #forbidden = new Set<string>()
  /** `reject` of each flush that NATS has not answered. */
  readonly #flushes = new Set<(error: Error) => void>()

  constructor(parts: NatsClientParts, events: NatsEvents) {
    this.#parts = parts
    this.#events = events
  }

  async open(): Promise<void> {
    const fault = await this.#connect()
    if (fault === undefined) return
    const problem = await problemOf(fault, this.#parts.settings)
    if (problem !== undefined) {
      await this.close()
      throw new ConfigError([problem])
    }
    const code = reasonOf(fault)
    this.#parts.log.warn({ code }, 'NATS cannot be reached: this process is alone until it can be')
    this.#connectLater(pauseMilliseconds())
  }

  get isUp(): boolean {
    return this.#isUp
  }

  get longestMessageBytes(): number {
    return this.#connection?.info?.max_payload ?? 0
  }

  publish(subject: string, bytes: Buffer, reply?: string): void {
    if (!this.#isUp) return
    try {
      this.#connection?.publish(subject, bytes, reply === undefined ? undefined : { reply })
    } catch (error) {
      this.#parts.log.error(traceOf(error), 'a message could not be sent over NATS')
    }
  }

  /** Resolves once NATS has received everything. Rejects if NATS is down or lost. */
  async confirmed(): Promise<void> {
    if (!this.#isUp || this.#connection === undefined) throw new Error('not connected')
    await this.#flushed(this.#connection)
  }

  reset(milliseconds = soonMilliseconds()): void {
    const connection = this.#connection
    this.#connection = undefined
    void connection?.close().catch(() => undefined)
    this.#rejectFlushes()
    this.#down()
    this.#connectLater(milliseconds)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#isUp = false
    this.#again?.cancel()
    await this.#connection?.close().catch(() => undefined)
    this.#rejectFlushes()
  }

  async #connect(): Promise<unknown> {
    try {
      const { connect } = await import('@nats-io/transport-node')
      const { settings, name, onCertificate } = this.#parts
      const connection = await connect(await connectionOptions(settings, name, onCertificate))
      this.#connection = connection
      this.#watch(connection).catch(error =>
        this.#parts.log.error(traceOf(error), 'the state of the NATS connection is no longer monitored'),
      )
      this.#refusal = undefined
      for (const subject of this.#parts.subjects)
        connection.subscribe(subject, {
          callback: (error, message) => {
            if (error === null) this.#hear(message)
            else this.#refusal = error
          },
        })
      // Tests the permission to publish, without which NATS would drop messages later.
      for (const subject of this.#parts.targets) connection.publish(subject)
      await this.#flushed(connection)
      // The library reports missing permissions in a later turn.
      await new Promise(setImmediate)
      if (this.#isClosed) await connection.close()
      else if (this.#refusal !== undefined) throw this.#refusal
      else this.#up()
      return undefined
    } catch (error) {
      const failed = this.#connection
      this.#connection = undefined
      await failed?.close().catch(() => undefined)
      return error ?? new Error('unknown')
    }
  }

  #connectLater(milliseconds: number): void {
    if (this.#isClosed) return
    this.#again?.cancel()
    this.#again = this.#parts.clock.after(milliseconds, async () => {
      const fault = await this.#connect()
      if (fault === undefined) return
      const problem = await problemOf(fault, this.#parts.settings)
      if (problem !== undefined && !this.#forbidden.has(problem)) {
        this.#forbidden.add(problem)
        this.#parts.log.error({ problem }, 'NATS refuses this process')
      }
      this.#connectLater(pauseMilliseconds())
    })
  }

  /** The library settles a flush of a lost connection only if it dials again, which `reconnect: false` prevents. */
  #flushed(connection: NatsConnection): Promise<void> {
    return new Promise((resolve, reject) => {
      const over = () => this.#flushes.delete(reject)
      connection.flush().then(resolve, reject).then(over, over)
      this.#flushes.add(reject)
    })
  }

  #rejectFlushes(): void {
    for (const reject of this.#flushes) reject(new Error('NATS is lost'))
    this.#flushes.clear()
  }

  async #watch(connection: NatsConnection): Promise<void> {
    void connection.closed().then(() => {
      if (this.#connection === connection && !this.#isClosed) this.reset()
    })
    for await (const status of connection.status()) {
      if (this.#isClosed || this.#connection !== connection) return
      // Without a reset, the library might wait for unwritten data forever.
      if (status.type === 'disconnect' || status.type === 'staleConnection') this.reset()
      else if (status.type === 'error') this.#report(status.error)
    }
  }

  #up(): void {
    this.#isUp = true
    this.#parts.log.info({ server: this.#connection?.getServer() }, 'NATS is connected')
    this.#guarded(() => this.#events.onUp())
  }

  #down(): void {
    if (!this.#isUp) return
    this.#isUp = false
    this.#parts.log.warn('NATS is lost: this process is alone until it is back')
    this.#guarded(() => this.#events.onDown())
  }

  #hear(message: Msg): void {
    if (this.#isUp) this.#guarded(() => this.#events.onMessage(message))
  }

  /** Catches errors, because the library stops reading after an exception in a callback. */
  #guarded(act: () => void): void {
    try {
      act()
    } catch (error) {
      this.#parts.log.error(traceOf(error), 'a message from NATS could not be processed')
    }
  }

  #report(error: Error): void {
    const { log } = this.#parts
    if (!isForbidden(error)) log.warn({ error: error.name }, 'NATS reports an error')
    else if (!this.#isUp) this.#refusal ??= error
    else {
      const { operation, subject } = error
      const what = `${operation} ${subject.split('.').slice(0, -2).join('.')}`
      if (!this.#forbidden.has(what))
        log.error({ operation, subject }, 'NATS does not permit this operation: see the permissions of its user')
      this.#forbidden.add(what)
      this.reset(refusedMilliseconds)
    }
  }
}
