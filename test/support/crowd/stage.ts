// A short run: a few people, an XMPP server, and processes of the built service.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from '@jest/globals'
import { startEjabberd } from '../ejabberd.js'
import { ensureBuilt } from '../operated-service.js'
import { startProsody } from '../prosody.js'
import { numberFrom } from '../random.js'
import { settingsFor, startRedisServer } from '../redis-server.js'
import { samplesOf } from '../scrape.js'
import { descriptorsOf } from '../server-process.js'
import { Crowd } from './crowd.js'
import { rejoinSeconds } from './faults.js'
import { type Member, ProcessFlock } from './process-flock.js'

const processes = 3

export type CrowdStage = Awaited<ReturnType<typeof setProcessStage>>

/** Lets Prosody resume streams, so that sessions can move to another process. */
const movableSessions = `modules_enabled = { "roster", "saslauth", "tls", "disco", "ping", "bosh", "smacks" }
smacks_hibernation_time = 60`

interface StageOptions {
  readonly isEjabberd?: boolean
  /** Of processes. */
  readonly count?: number
  readonly isRedisKept?: boolean
  readonly secondsPerMessage?: number
}

/** How long a page may be away, in seconds. */
const awaySeconds = 20
/** Longest time that a message may take after a fault, in seconds: longer than requests are held. */
const patience = 12

/** Separate processes before a Prosody that lets sessions move. */
export async function setProcessStage(options: StageOptions = {}) {
  const { isEjabberd = false, count = processes, isRedisKept = false, secondsPerMessage = 0.3 } = options
  const users = Array.from({ length: numberFrom('CROWD_USERS', 12) }, (_, index) => `user${index}`)
  const accounts = Object.fromEntries(users.map(name => [name, name]))
  const away = String(awaySeconds)
  ensureBuilt()
  const server = isEjabberd
    ? await startEjabberd({ users: accounts })
    : await startProsody({ users: accounts, iterations: 4096, config: movableSessions })
  const redis = await startRedisServer(isRedisKept)
  const folder = mkdtempSync(join(tmpdir(), 'crowd-'))
  const flock = await ProcessFlock.start(count, {
    folder,
    environment: {
      XMPP_DOMAINS: 'localhost',
      // Spare links stay for 20 s.
      XMPP_SPARE_LINKS: '0',
      XMPP_SERVERS: `localhost=xmpp://127.0.0.1:${server.c2sPort}?${isEjabberd ? `ca=${server.caFile}` : 'tls=none'}`,
      DRAIN_TIME: '3',
      ...{ BOSH_INACTIVITY: away, WEBSOCKET_RESUME: away, WARM_ATTACH_TIMEOUT: away },
      ...settingsFor(redis),
    },
  })
  return {
    flock,
    redis,
    /** A process that neither leaves nor is gone. */
    get victim(): Member {
      return flock.members.find(({ isLeaving, running }) => !isLeaving && !running.isGone)!
    },
    /** Runs `work` while users chat, and for some seconds more. Waits for their messages, and expects no fault. */
    async during(work: (crowd: Crowd) => Promise<unknown>): Promise<void> {
      const crowd = new Crowd({ url: flock.url, users, secondsPerMessage })
      await crowd.arrive()
      let faults: readonly string[]
      try {
        await work(crowd)
        await sleep(rejoinSeconds * 1000)
      } finally {
        faults = await crowd.leave(patience)
      }
      expect(faults).toEqual([])
    },
    /** What is left after the sessions of absent pages have ended. */
    leftovers: () => leftovers(flock, 2 * awaySeconds),
    async strike() {
      await flock.stop()
      await redis.remove()
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** What must be 0 when there is nothing to do. */
const idle = /^warm_bindings_(sessions|c2s_links|bosh_held_requests|http_connections|forwarded_requests)(\{|$)/

/** Links between two processes, each with its Unix or TCP socket, are made when they are needed, and stay. */
const linksOfOthers = 2

/** Waits until nothing is left, but at most `seconds`. Resolves with descriptions of what is left. */
async function leftovers(flock: ProcessFlock, seconds: number): Promise<string[]> {
  const deadline = performance.now() + seconds * 1000
  for (;;) {
    const left = await look(flock)
    if (left.length === 0 || performance.now() > deadline) return left
    await sleep(500)
  }
}

async function look(flock: ProcessFlock): Promise<string[]> {
  const texts = await flock.metrics()
  const metrics = texts.flatMap((text, index) =>
    [...samplesOf(text)]
      .filter(([name, value]) => value !== 0 && idle.test(name))
      .map(([name, value]) => `process ${index + 1} of ${texts.length}: ${name} ${value}`),
  )
  const descriptors = flock.members.flatMap(({ node, running, descriptors: before }) => {
    const now = descriptorsOf(running.pid)
    const most = before + linksOfOthers * (flock.members.length - 1)
    return now > most ? [`${node} has ${now} descriptors, ${before} when it began`] : []
  })
  return [...metrics, ...descriptors]
}
