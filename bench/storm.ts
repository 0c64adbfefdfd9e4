// A process with thousands of sessions is killed, and another one continues them.
import { setTimeout as sleep } from 'node:timers/promises'
import type { LoggedIn } from '../test/support/bosh-login.js'
import { startProsody } from '../test/support/prosody.js'
import { descriptorsOf } from '../test/support/server-process.js'
import type { Demand } from './comparison.js'
import { closing, startNeighbours, startStore } from './processes.js'
import { inParallel, openBosh } from './sessions.js'
import { accountsOf, names, type Stage, users } from './stage.js'
import { BoshTalk } from './talks.js'
import { Tally } from './tally.js'

const longestMilliseconds = 600_000

const environment = {
  MAX_SESSIONS: '0',
  MAX_CONNECTIONS_PER_ADDRESS: '0',
  XMPP_SPARE_LINKS: '0',
  WARM_ATTACH_TIMEOUT: '600',
}

/** Each session sends itself a message. Resolves with why some failed. */
async function failuresOf(sessions: readonly LoggedIn[], port: number): Promise<readonly string[]> {
  const failures: string[] = []
  const works = (session: LoggedIn) =>
    new Promise<void>(resolve => {
      const over = (failure?: Error) => {
        if (failure !== undefined) failures.push(failure.message)
        clearTimeout(late)
        talk.close()
        resolve()
      }
      const late = setTimeout(over, 20_000, new Error('no answer after 20 s'))
      const talk = new BoshTalk(session, { port, arrived: () => over(), failed: over })
      talk.sendNext()
    })
  await inParallel(20, sessions, works)
  return failures
}

export async function measureStorm({ sessions: count = 6_000 }: Stage): Promise<readonly Demand[]> {
  const config = 'smacks_hibernation_time = 900'
  await using prosody = closing(
    await startProsody({ users: accountsOf(names('user', users)), iterations: 4096, config }),
  )
  await using store = await startStore()
  await using pair = await startNeighbours(store.environment, { c2sPort: prosody.c2sPort, environment })
  const [dying, taker] = pair.both
  const target = { kind: 'product', port: dying.port } as const
  const all = Array.from({ length: count }, (_, index) => `user${index % users}`)
  const sessions = await openBosh(target, all)
  const [own] = await openBosh({ kind: 'product', port: taker.port }, ['user0'])
  const tally = new Tally({ taker: taker.pid, Redis: store.pid, Prosody: prosody.pid })
  await sleep(3_000)
  const idle = descriptorsOf(taker.pid)
  const failures: string[] = []
  const failed = ({ message }: Error) => failures.push(message)
  const talk = new BoshTalk(own!, { port: taker.port, arrived: tally.add, failed })
  talk.sendNext()
  const start = performance.now()
  let seconds = 0
  await tally.during(async () => {
    process.kill(dying.pid, 'SIGKILL')
    while (descriptorsOf(taker.pid) < idle + count && performance.now() - start < longestMilliseconds) await sleep(100)
    seconds = (performance.now() - start) / 1000
  })
  const { p50Milliseconds, p99Milliseconds } = tally.figures()
  await talk.end()
  console.log(`${count} sessions before one Prosody: all were back after ${seconds.toFixed(1)} s`)
  console.log(
    `A message of another session took ${p50Milliseconds.toFixed(0)} ms (p50), ${p99Milliseconds.toFixed(0)} ms (p99)`,
  )
  const lost = await failuresOf(sessions, taker.port)
  if (lost.length > 0) console.log(`the first failure: ${lost[0]}`)
  return [
    [`${lost.length} sessions lost, none`, lost.length === 0],
    [`${failures.length} failures of the other session, none`, failures.length === 0],
  ]
}
