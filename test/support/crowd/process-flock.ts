// Separate processes of the built service, as an operator would run them, which share a Redis, behind a balancer.
import { setTimeout as sleep } from 'node:timers/promises'
import { ask } from '../http-answer.js'
import { main } from '../operated-service.js'
import { freePorts } from '../ports.js'
import { answersAt, descriptorsOf, type ServerProcess, startServerProcess } from '../server-process.js'
import { admin } from '../start-service.js'
import { RandomBalancer } from './random-balancer.js'

interface FlockOptions {
  readonly environment: Readonly<Record<string, string>>
  readonly folder: string
}

/** A process that sessions live in. */
export interface Member {
  /** Its name, with which the sids of its sessions begin. */
  readonly node: string
  readonly running: ServerProcess
  readonly metricsPort: number
  /** When it began. */
  readonly descriptors: number
  isLeaving: boolean
}

export class ProcessFlock {
  readonly members: Member[] = []
  readonly #options: FlockOptions
  readonly #balancer: RandomBalancer
  #count = 0

  private constructor(options: FlockOptions, balancer: RandomBalancer) {
    this.#options = options
    this.#balancer = balancer
  }

  static async start(count: number, options: FlockOptions) {
    const flock = new ProcessFlock(options, await RandomBalancer.start())
    await Promise.all(Array.from({ length: count }, () => flock.add()))
    return flock
  }

  get url(): string {
    return this.#balancer.url
  }

  /** Starts another process. Settings in `more` win over those of the others. */
  async add(more: FlockOptions['environment'] = {}): Promise<Member> {
    const [port = 0, metricsPort = 0] = await freePorts(2)
    const { environment, folder } = this.#options
    const own = {
      ...{ PORT: String(port), HOST: '127.0.0.1', METRICS_ADDRESS: `127.0.0.1:${metricsPort}` },
      ...{ EXTERNAL_URL: this.url, PEER_LISTEN: '127.0.0.1:0' },
    }
    const running = await run({ folder, environment: { ...environment, ...own, ...more } }, `process${++this.#count}`)
    const node = /"node":"([^"]+)"/.exec(running.log())![1]!
    await sleep(300)
    const descriptors = descriptorsOf(running.pid)
    const member: Member = { node, running, metricsPort, descriptors, isLeaving: false }
    void running.gone.then(() => {
      this.members.splice(this.members.indexOf(member), 1)
      this.#balancer.remove(port)
    })
    this.members.push(member)
    this.#balancer.add(port)
    return member
  }

  metrics(): Promise<string[]> {
    return Promise.all(this.members.map(({ metricsPort }) => metricsAt(metricsPort)))
  }

  async stop(): Promise<void> {
    await this.#balancer.stop()
    const ends = this.members.map(({ running }) => {
      // It can be suspended.
      running.signal('SIGCONT')
      return running.end('SIGINT')
    })
    await Promise.all(ends)
  }
}

/** Settings that a run can override. */
const settings = {
  ADMIN_USERS: `${admin.name}:${admin.secret}`,
  ...{ RATE_WARMS_PER_JID: '0', MAX_SESSIONS_PER_JID: '0', MAX_CONNECTIONS_PER_ADDRESS: '0' },
}

const run = ({ environment, folder }: FlockOptions, name: string): Promise<ServerProcess> =>
  startServerProcess({
    ...{ name, folder, patience: { start: 40_000, end: 30_000 } },
    command: [process.execPath, '--min-semi-space-size=16', main],
    environment: { PATH: process.env['PATH'], ...settings, ...environment },
    isReady: answersAt(`http://127.0.0.1:${environment['PORT']}/readyz`),
  })

async function metricsAt(port: number): Promise<string> {
  return (await ask(`http://127.0.0.1:${port}/metrics`)).text
}
