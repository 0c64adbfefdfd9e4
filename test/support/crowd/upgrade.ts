// All workers are replaced while people talk and backends call, without DRAIN_TIME. No client sees an error.
import { mkdtempSync } from 'node:fs'
import { Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startEjabberd } from '../ejabberd.js'
import { ask } from '../http-answer.js'
import { startRedisServer } from '../redis-server.js'
import { timed } from './chaos.js'
import { Crowd } from './crowd.js'
import { sealKeyIn } from './stage.js'
import { WorkerFlock } from './worker-flock.js'

export interface UpgradePlan {
  readonly users: number
  /** Messages a second. */
  readonly rate: number
  /** Warm calls a second. */
  readonly warms: number
}

const admin = 'portal:choose-a-secret'
const workers = 2
/** Seconds before the workers are replaced, and after that. */
const before = 5
const behind = 35

/** Resolves with the faults: calls that failed, sessions that ended, words that were lost or doubled. */
export async function upgrade(plan: UpgradePlan, log: (text: string) => void): Promise<string[]> {
  const users = Array.from({ length: plan.users }, (_, index) => `user${index}`)
  const called = Array.from({ length: 20 }, (_, index) => `called${index}`)
  // Prosody takes three times as long for a login after a few thousand of them.
  const ejabberd = await startEjabberd({
    users: Object.fromEntries([...users, ...called].map(name => [name, name])),
    plain: true,
  })
  const folder = mkdtempSync(join(tmpdir(), 'warm-upgrade-'))
  const redis = await startRedisServer()
  const environment = {
    ADMIN_USERS: admin,
    XMPP_DOMAINS: 'localhost',
    XMPP_SERVERS: `localhost=xmpp://127.0.0.1:${ejabberd.c2sPort}?tls=none`,
    ...{ REDIS_URL: `unix:${redis.path}`, SEAL_KEY_FILE: sealKeyIn(folder) },
  }
  const flock = await WorkerFlock.start(workers, { environment, folder })
  const agent = new Agent({ keepAlive: true })
  try {
    const secondsPerMessage = plan.users / plan.rate
    const crowd = new Crowd({ url: flock.url, admin, users, secondsPerMessage, keepsConnections: true })
    await crowd.arrive()
    log(timed(`${plan.users} people send ${plan.rate} words a second, backends make ${plan.warms} warm calls`))
    const calls = new Calls(flock.url, called, plan.warms, agent)
    await sleep(before * 1000)
    const old = flock.members.map(({ node }) => node)
    flock.replaceAll()
    await sleep(behind * 1000)
    flock.look()
    const now = flock.members.map(({ node }) => node)
    log(timed(`the workers were ${old.join(' and ')}, and there are ${now.join(', ')}`))
    await calls.end()
    const { faults, summary } = await crowd.leave()
    log(timed(summary))
    log(timed(`${calls.answered} warm calls were answered, ${calls.errors.length} failed`))
    const isReplaced = now.filter(node => !old.includes(node)).length === workers
    return [...faults, ...calls.errors, ...(isReplaced ? [] : ['the workers were not replaced'])]
  } finally {
    agent.destroy()
    await flock.stop()
    await redis.remove()
    await ejabberd.stop()
  }
}

/** Backends that warm sessions and end them again, half of them over connections that are kept. */
class Calls {
  answered = 0
  readonly errors: string[] = []
  readonly #open = new Set<Promise<void>>()
  readonly #timer: NodeJS.Timeout

  constructor(
    readonly url: string,
    users: readonly string[],
    perSecond: number,
    agent: Agent,
  ) {
    let count = 0
    const begun = performance.now()
    // A late timer makes up for the calls that it missed.
    this.#timer = setInterval(() => {
      for (; count < ((performance.now() - begun) * perSecond) / 1000; count++) {
        const over = count % 2 === 0 && agent
        const sent = this.#call(users[count % users.length]!, over).finally(() => this.#open.delete(sent))
        this.#open.add(sent)
      }
    }, 1000 / perSecond)
  }

  async end(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#open)
  }

  async #call(user: string, agent: Agent | false): Promise<void> {
    const headers = {
      Authorization: `Basic ${Buffer.from(admin).toString('base64')}`,
      'Content-Type': 'application/json',
      Accept: 'application/json',
    }
    const body = JSON.stringify({ jid: `${user}@localhost`, password: user })
    try {
      const warm = await ask(`${this.url}/warm`, { method: 'POST', agent, headers }, body)
      if (warm.status !== 200) throw new Error(`POST /warm: ${warm.status} ${warm.text}`)
      const { id } = JSON.parse(warm.text)
      const end = await ask(`${this.url}/warm/${id}`, { method: 'DELETE', agent, headers })
      if (end.status !== 204) throw new Error(`DELETE /warm: ${end.status} ${end.text}`)
      this.answered += 1
    } catch (error) {
      this.errors.push(String(error))
    }
  }
}
