// `npm run bench -- chaos [--seconds=600] [--seed=1] [--users=300] [--workers]`: people chat with each other, half of them over
// WebSocket, while processes are killed, stopped, drained and started, and NATS comes and goes. What nothing was done to must
// lose nothing and double nothing, and all others must have a new session soon.
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Crowd } from '../test/support/crowd/crowd.js'
import { leftovers } from '../test/support/crowd/leftovers.js'
import type { Flock } from '../test/support/crowd/member.js'
import { NatsFlock } from '../test/support/crowd/nats-flock.js'
import { WorkerFlock } from '../test/support/crowd/worker-flock.js'
import { startNatsServer } from '../test/support/nats-server.js'
import { startProsody } from '../test/support/prosody.js'
import { processes, say, unfold } from './misfortunes.js'
import { names } from './stage.js'
import { admin } from './work.js'

interface Plan {
  readonly seconds: number
  readonly seed: number
  readonly users: number
  readonly isWorkers: boolean
}

const secondsPerMessage = 3
const drainSeconds = 15
/** How long everything that is not needed any more may take to go, in seconds: as long as a page may be away, and a bit. */
const clearSeconds = 60

export async function chaos(words: readonly string[]): Promise<boolean> {
  const plan = readPlan(words)
  const users = names('user', plan.users)
  const folder = mkdtempSync(join(tmpdir(), 'warm-chaos-'))
  console.log(`${plan.users} people for ${plan.seconds} s, seed ${plan.seed}; the logs are in ${folder}`)
  const prosody = await startProsody({
    users: Object.fromEntries([...users, 'probe'].map(name => [name, name])),
    iterations: 4096,
  })
  const nats = plan.isWorkers ? undefined : await startNatsServer()
  const environment = {
    ADMIN_USERS: admin,
    XMPP_DOMAINS: 'localhost',
    XMPP_SERVERS: `localhost=xmpp://127.0.0.1:${prosody.c2sPort}?tls=none`,
    DRAIN_TIME: String(drainSeconds),
    ...(nats !== undefined && { NATS_URL: nats.url() }),
  }
  const options = { environment, folder }
  const flock: Flock = plan.isWorkers
    ? await WorkerFlock.start(processes, options)
    : await NatsFlock.start(processes, options, { admin, user: 'probe' })
  try {
    const crowd = new Crowd({ url: flock.url, admin, users, secondsPerMessage })
    await crowd.arrive()
    say('all are there')
    const { seconds, seed } = plan
    await unfold({ crowd, flock, nats, drainSeconds, seconds, seed })
    say(`it is over: ${crowd.summary}`)
    const { faults, isPassed, summary } = await crowd.leave()
    say(summary)
    const left = await leftovers(flock, clearSeconds)
    for (const fault of [...faults, ...left.map(what => `left: ${what}`)]) console.log(`  ${fault}`)
    const hasPassed = isPassed && left.length === 0
    console.log(`${hasPassed ? 'reached' : 'short  '}  ${faults.length} faults, ${left.length} things left`)
    return hasPassed
  } finally {
    await flock.stop()
    await nats?.remove()
    await prosody.stop()
  }
}

function readPlan(words: readonly string[]): Plan {
  const numbers = { seconds: 600, seed: 1, users: 300 }
  let isWorkers = false
  for (const word of words) {
    const [, name, number] = /^--(seconds|seed|users)=(\d+)$/.exec(word) ?? []
    if (word === '--workers') isWorkers = true
    else if (name !== undefined) numbers[name as keyof typeof numbers] = Number(number)
    else throw new Error(`unknown: ${word}; say --seconds=600, --seed=1, --users=300 or --workers`)
  }
  return { ...numbers, isWorkers }
}
