// Separate processes that share a Redis, behind a balancer.
import { setTimeout as sleep } from 'node:timers/promises'
import { processIn } from '../../../src/store/process-name.js'
import { freePorts } from '../ports.js'
import type { ServerProcess } from '../server-process.js'
import { callSessions } from '../sessions-api.js'
import { bindingIn } from '../start-service.js'
import { ended, type FlockOptions, type Member, memberOf, metricsAt, run } from './member.js'
import { RandomBalancer } from './random-balancer.js'

/** An account of `localhost`, whose session shows the name of a process. Its password is its name. */
export const probe = 'probe'

export class ProcessFlock {
  readonly members: Member[] = []
  readonly #options: FlockOptions
  readonly #processes = new Map<Member, ServerProcess>()
  readonly #balancer: RandomBalancer
  readonly #metricsPorts = new Map<Member, number>()
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
    const node = await nameAt(port)
    await sleep(300)
    const member = memberOf(node, running.pid)
    void running.gone.then(() => {
      member.isGone = true
      this.members.splice(this.members.indexOf(member), 1)
      this.#balancer.remove(port)
    })
    this.members.push(member)
    this.#processes.set(member, running)
    this.#metricsPorts.set(member, metricsPort)
    this.#balancer.add(port)
    return member
  }

  signal(member: Member, signal: NodeJS.Signals): void {
    this.#processes.get(member)!.signal(signal)
  }

  metrics(): Promise<string[]> {
    return Promise.all(this.members.map(member => metricsAt(this.#metricsPorts.get(member)!)))
  }

  async stop(): Promise<void> {
    await this.#balancer.stop()
    await Promise.all(this.members.map(member => ended(this.#processes.get(member)!)))
  }
}

/** The name of the process at a port, from the sid of a session there. */
async function nameAt(port: number): Promise<string> {
  const url = `http://127.0.0.1:${port}`
  const body = { jid: `${probe}@localhost`, password: probe }
  const { id, sid } = bindingIn(await callSessions(url, 'POST', '', { body }))
  await callSessions(url, 'DELETE', `/${id}`)
  return processIn(sid)!
}
