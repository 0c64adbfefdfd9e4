// `npm run bench -- upgrade [--users=300] [--rate=2000] [--warms=50]`: all workers are replaced while people talk and backends
// call. Until DRAIN_TIME is over no client sees an error: no call fails, no session ends, no message is lost or doubled.
import { mkdtempSync } from 'node:fs'
import { Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Crowd } from '../test/support/crowd/crowd.js'
import { WorkerFlock } from '../test/support/crowd/worker-flock.js'
import { startEjabberd } from '../test/support/ejabberd.js'
import { ask } from '../test/support/http-answer.js'
import { say } from './misfortunes.js'
import { names } from './stage.js'
import { admin } from './work.js'

const workers = 2
const drainSeconds = 60
/** Before the workers are replaced, and after that; both together are less than the drain takes. */
const before = 5
const behind = 35
/** Accounts that are warmed again and again. */
const callers = 20

export async function upgrade(words: readonly string[]): Promise<boolean> {
  const plan = readPlan(words)
  const users = names('user', plan.users)
  const called = names('called', callers)
  // Prosody takes three times as long for a login after a few thousand of them, and these are as many.
  const ejabberd = await startEjabberd({
    users: Object.fromEntries([...users, ...called].map(name => [name, name])),
    plain: true,
  })
  const environment = {
    ADMIN_USERS: admin,
    XMPP_DOMAINS: 'localhost',
    XMPP_SERVERS: `localhost=xmpp://127.0.0.1:${ejabberd.c2sPort}?tls=none`,
    DRAIN_TIME: String(drainSeconds),
    RATE_WARMS_PER_JID: '0',
    MAX_SESSIONS_PER_JID: '0',
  }
  const folder = mkdtempSync(join(tmpdir(), 'warm-upgrade-'))
  const flock = await WorkerFlock.start(workers, { environment, folder })
  const agent = new Agent({ keepAlive: true })
  try {
    const secondsPerMessage = plan.users / plan.rate
    const crowd = new Crowd({ url: flock.url, admin, users, secondsPerMessage, keepsConnections: true })
    await crowd.arrive()
    say(`${plan.users} people say ${plan.rate} words a second, backends make ${plan.warms} warm calls`)
    const calls = new Calls(flock.url, called, plan.warms, agent)
    await sleep(before * 1000)
    const old = flock.members.map(({ node }) => node)
    flock.replaceAll()
    await sleep(behind * 1000)
    flock.look()
    const now = flock.members.map(({ node }) => node)
    say(`the workers were ${old.join(' and ')}, and there are ${now.join(', ')}`)
    await calls.end()
    const { faults, isPassed, summary } = await crowd.leave()
    say(summary)
    say(`${calls.answered} warm calls were answered, ${calls.errors.length} failed`)
    for (const fault of [...faults, ...calls.errors].slice(0, 20)) console.log(`  ${fault}`)
    const isReplaced = now.filter(node => !old.includes(node)).length === workers
    const hasPassed = isPassed && faults.length === 0 && calls.errors.length === 0 && isReplaced
    console.log(`${hasPassed ? 'reached' : 'short  '}  ${faults.length + calls.errors.length} errors`)
    return hasPassed
  } finally {
    agent.destroy()
    await flock.stop()
    await ejabberd.stop()
  }
}

/** Backends that warm sessions and end them again, half of them over connections that are kept. */
class Calls {
  answered = 0
  readonly errors: string[] = []
  readonly #under = new Set<Promise<void>>()
  readonly #timer: NodeJS.Timeout

  constructor(url: string, users: readonly string[], perSecond: number, agent: Agent) {
    const headers = {
      Authorization: `Basic ${Buffer.from(admin).toString('base64')}`,
      'Content-Type': 'application/json',
      Accept: 'application/json',
    }
    let count = 0
    const call = async (user: string, over: Agent | false) => {
      const body = JSON.stringify({ jid: `${user}@localhost`, password: user })
      try {
        const warm = await ask(`${url}/warm`, { method: 'POST', agent: over, headers }, body)
        if (warm.status !== 200) throw new Error(`POST /warm: ${warm.status} ${warm.text}`)
        const { id } = JSON.parse(warm.text)
        const end = await ask(`${url}/warm/${id}`, { method: 'DELETE', agent: over, headers })
        if (end.status !== 204) throw new Error(`DELETE /warm: ${end.status} ${end.text}`)
        this.answered += 1
      } catch (error) {
        this.errors.push(String(error))
      }
    }
    const begun = performance.now()
    // A timer that is late makes good for the calls that it has missed.
    this.#timer = setInterval(() => {
      for (; count < ((performance.now() - begun) * perSecond) / 1000; count++) {
        const over = count % 2 === 0 && agent
        const sent = call(users[count % users.length]!, over).finally(() => this.#under.delete(sent))
        this.#under.add(sent)
      }
    }, 1000 / perSecond)
  }

  async end(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#under)
  }
}

function readPlan(words: readonly string[]) {
  const plan = { users: 300, rate: 2000, warms: 50 }
  for (const word of words) {
    const [, name, number] = /^--(users|rate|warms)=(\d+)$/.exec(word) ?? []
    if (name === undefined) throw new Error(`unknown: ${word}; say --users=300, --rate=2000 or --warms=50`)
    plan[name as keyof typeof plan] = Number(number)
  }
  return plan
}
