// A short run: a few people, an XMPP server in this process, and processes of the built service.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDemoServer } from '../../../src/demo/server.js'
import { type NatsServer, startNatsServer } from '../nats-server.js'
import { ensureBuilt } from '../operated-service.js'
import { Crowd } from './crowd.js'
import type { FaultParts } from './faults.js'
import type { Judgement } from './judge.js'
import { leftovers } from './leftovers.js'
import type { Flock, FlockOptions, Member } from './member.js'
import { NatsFlock } from './nats-flock.js'
import { WorkerFlock } from './worker-flock.js'

const admin = 'portal:choose-a-secret'
const processes = 3
const drainSeconds = 3
/** Longest time that a message may take after a fault, in seconds: longer than requests are held. */
const patience = 12
/** How long a page may be away, in seconds. */
const away = '10'
const users = Array.from({ length: 12 }, (_, index) => `user${index}`)

export interface CrowdStage<F extends Flock> {
  readonly flock: F
  readonly nats: NatsServer | undefined
  /** A process that neither leaves nor is gone. */
  readonly victim: Member
  /** Runs `work` while users chat, waits for their messages, and resolves with the judgement. */
  during(work: (parts: FaultParts) => Promise<unknown>): Promise<Judgement>
  /** What is left after the sessions of absent pages have ended. */
  leftovers(): Promise<string[]>
  strike(): Promise<void>
}

/** Processes that are joined by NATS. */
export async function setNatsStage(): Promise<CrowdStage<NatsFlock>> {
  const nats = await startNatsServer()
  return setStage({ NATS_URL: nats.url() }, options => NatsFlock.start(processes, options, probe), nats)
}

export function setWorkerStage(): Promise<CrowdStage<WorkerFlock>> {
  return setStage({}, options => WorkerFlock.start(processes, options))
}

const probe = { admin, user: 'probe' }

async function setStage<F extends Flock>(
  environment: Readonly<Record<string, string>>,
  start: (options: FlockOptions) => Promise<F>,
  nats?: NatsServer,
): Promise<CrowdStage<F>> {
  ensureBuilt()
  const server = await startDemoServer(Object.fromEntries([...users, 'probe'].map(name => [name, name])))
  const folder = mkdtempSync(join(tmpdir(), 'crowd-'))
  const flock = await start({
    folder,
    environment: {
      ADMIN_USERS: admin,
      XMPP_DOMAINS: 'localhost',
      // Spare links stay for 20 s.
      XMPP_SPARE_LINKS: '0',
      XMPP_SERVERS: `localhost=xmpp://127.0.0.1:${server.port}?tls=none`,
      DRAIN_TIME: String(drainSeconds),
      ...{ BOSH_INACTIVITY: away, WEBSOCKET_RESUME: away, WARM_ATTACH_TIMEOUT: away },
      ...environment,
    },
  })
  return {
    flock,
    nats,
    get victim() {
      return flock.members.find(({ isLeaving, isGone }) => !isLeaving && !isGone)!
    },
    async during(work) {
      const crowd = new Crowd({ url: flock.url, admin, users, secondsPerMessage: 0.3 })
      let judgement: Judgement
      await crowd.arrive()
      try {
        await work({ crowd, flock, drainSeconds })
      } finally {
        judgement = await crowd.leave(patience)
      }
      return judgement
    },
    leftovers: () => leftovers(flock, 2 * Number(away)),
    async strike() {
      await flock.stop()
      await nats?.remove()
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
