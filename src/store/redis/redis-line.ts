import type { Clock, Timer } from '../../lib/clock.js'
import { codeOf } from '../../lib/log.js'
import { type Outage, type StoreEvents, StoreUnavailable } from '../store.js'
import { type RedisClient, type RedisSettings, redisClient } from './redis-client.js'

/** Of a command, in milliseconds. */
const longestAnswer = 1_000
/** Until the first connection, in milliseconds. Without it, the first calls of pages would be refused. */
const longestStart = 2_000
/** Between new connections to a Redis that is read-only, in milliseconds. */
const renewalPause = 2_000
/** In scripts, times are whole milliseconds. */
const timeStep = 1

/** Lua: `now`, in milliseconds. */
export const nowInScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`

/** Lua, for a script whose first argument is `deadline`: a caller that has given up would not get what it takes. */
export const refusalIfLate = `${nowInScript}
if now > tonumber(ARGV[1]) then return redis.error_reply('LATE the caller has given up') end
`

/** Commands to Redis, which fail at once while Redis is away: from a failed command to the next heartbeat that succeeds. */
export class RedisLine {
  readonly #clock: Clock
  readonly #events: StoreEvents
  #client: RedisClient | undefined
  /** Undefined until the first heartbeat has an answer or fails. */
  #isUp: boolean | undefined
  #reason: Outage = 'no-connection'
  /** The code of the last error of a connection, such as `EACCES`. */
  #cause: string | undefined
  #renewedAt = Number.NEGATIVE_INFINITY
  /** Since it was up. */
  readonly #told = new Set<Outage>()
  /** Redis time minus the time of the clock. */
  #offset: number | undefined
  /** Called for each new connection. */
  onReady = () => {}

  constructor(clock: Clock, events: StoreEvents) {
    this.#clock = clock
    this.#events = events
  }

  get isUp(): boolean {
    return this.#isUp === true
  }

  get reason(): Outage {
    return this.#reason
  }

  /** Resolves with the first connection, or after two seconds without it. */
  async open(settings: RedisSettings): Promise<void> {
    let begin = () => {}
    const begun = new Promise<void>(resolve => {
      begin = resolve
    })
    const onReady = () => {
      begin()
      this.onReady()
    }
    // Whether commands fail decides: with sentinels, an error can be about one of several connections.
    const onError = (error: unknown) => {
      if (this.#isUp) return
      this.#reason = outageOf(error)
      this.#cause = codeOf(error)
    }
    const client = await redisClient(settings, { onReady, onError })
    this.#client = client
    client.connect().catch(onError)
    // Not before the client is loaded, which takes a second on a busy machine.
    const late = this.#clock.after(longestStart, begin)
    await begun
    late.cancel()
  }

  async close(): Promise<void> {
    this.#isUp = false
    this.#reason = 'no-connection'
    const client = this.#client
    this.#client = undefined
    await client?.destroy()
  }

  /** Rejects with `StoreUnavailable`. */
  async send(...command: readonly string[]): Promise<unknown> {
    if (!this.#isUp) throw new StoreUnavailable(this.#reason)
    return this.#inTime(this.#written(command))
  }

  /** For scripts that only remove, which a full Redis takes too: it may be full of what they remove. */
  async free(script: string, ...args: readonly (string | number)[]): Promise<unknown> {
    if (!this.#isUp && this.#reason !== 'full') throw new StoreUnavailable(this.#reason)
    return this.#inTime(this.#written(evaluation(script, args)))
  }

  /** Rejects with `StoreUnavailable`. */
  run(script: string, ...args: readonly (string | number)[]): Promise<unknown> {
    return this.send(...evaluation(script, args))
  }

  /** Runs the script also while the store is down. `settled` resolves with the end of a connection, at last. */
  probe(script: string, ...args: readonly (string | number)[]) {
    const ran = this.#written(evaluation(script, args))
    return { answer: this.#inTime(ran), settled: ran.catch(() => {}) }
  }

  /** For `refusalIfLate`, in Redis time: never later than the time when a caller that asks now gives up. */
  get deadline(): number {
    if (this.#offset === undefined) return Number.MAX_SAFE_INTEGER
    return this.#clock.now() + this.#offset + longestAnswer - timeStep
  }

  up(redisNow: number): void {
    this.#offset = redisNow - this.#clock.now()
    if (this.#isUp) return
    this.#isUp = true
    this.#cause = undefined
    this.#told.clear()
    this.#events.onUp()
  }

  down(reason: Outage): void {
    const wasDown = this.#isUp === false
    // Without a connection, the client has told why. With sentinels, it goes on trying after a refusal.
    const isToldByClient = reason === 'no-connection' || (reason === 'no-answer' && this.#reason === 'refused')
    if (wasDown ? refusals.has(reason) : this.#isUp || !isToldByClient) this.#reason = reason
    this.#isUp = false
    // It is there again, but does not work, for another reason than before.
    if (wasDown && (!refusals.has(this.#reason) || this.#told.has(this.#reason))) return
    this.#told.add(this.#reason)
    this.#events.onDown(this.#reason, this.#reason === 'no-connection' ? this.#cause : undefined)
  }

  /** After a failover, a connection can lead to the server before, which is a replica now and does not close it. */
  #leaveReplica(): void {
    const now = this.#clock.now()
    if (now - this.#renewedAt < renewalPause) return
    this.#renewedAt = now
    this.#client?.renew?.()
  }

  #written(command: readonly string[]): Promise<unknown> {
    return this.#client?.send(command) ?? Promise.reject(new Error('there is no client'))
  }

  #inTime(answer: Promise<unknown>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const until = this.#clock.now() + longestAnswer
      const fail = (outage: Outage) => {
        timer.cancel()
        if (outage !== 'failed') this.down(outage)
        if (outage === 'read-only') this.#leaveReplica()
        reject(new StoreUnavailable(outage))
      }
      // Node's timers begin with the turn of the event loop, so they can end early, which would be before `deadline`.
      const wait = (): Timer =>
        this.#clock.after(until - this.#clock.now(), () => {
          // The answer may have arrived while this process was busy: it is read before the next timers.
          timer = this.#clock.now() < until ? wait() : this.#clock.after(0, () => fail('no-answer'))
        })
      let timer = wait()
      answer.then(
        value => {
          timer.cancel()
          resolve(value)
        },
        error => fail(outageOf(error)),
      )
    })
  }
}

/** Redis keeps compiled scripts, so the whole text costs little. */
const evaluation = (script: string, args: readonly (string | number)[]) => ['EVAL', script, '0', ...args.map(String)]

/** Answers of a Redis that is there. An operator must correct their cause. */
const refusals: ReadonlySet<Outage> = new Set(['full', 'read-only', 'refused'])

const outages: readonly (readonly [start: string, Outage])[] = [
  ['OOM', 'full'],
  ['READONLY', 'read-only'],
  ['MASTERDOWN', 'read-only'],
  ['MISCONF', 'read-only'],
  ['NOAUTH', 'refused'],
  ['NOPERM', 'refused'],
  ['WRONGPASS', 'refused'],
  ['ERR invalid password', 'refused'],
  ['ERR AUTH', 'refused'],
  ['LATE', 'no-answer'],
  ['LOADING', 'no-answer'],
  ['BUSY', 'no-answer'],
]

function outageOf(error: unknown): Outage {
  const text = error instanceof Error ? error.message : ''
  const [, known] = outages.find(([start]) => text.startsWith(start)) ?? []
  return known ?? (/^(ERR|WRONGTYPE)\b/.test(text) ? 'failed' : 'no-connection')
}
