// Users chat in pairs before a real server, while the link, the server or the service fails.
import { type ChildProcess, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startEjabberd } from '../ejabberd.js'
import { freePorts } from '../ports.js'
import { startProsody } from '../prosody.js'
import { type Relay, startRelay } from '../relay.js'
import { ended, run } from './member.js'
import { Pairs, type Tally } from './pairs.js'

export interface OutagePlan {
  readonly maker: 'prosody' | 'ejabberd'
  readonly sessions: number
  /** Some of the names of `outages`; all by default. */
  readonly only?: readonly string[]
}

interface Parts {
  readonly server: Awaited<ReturnType<typeof startProsody>> | Awaited<ReturnType<typeof startEjabberd>>
  readonly relay: Relay
  readonly service: Service
}

interface Outage {
  readonly name: string
  /** Whether sessions live on; otherwise they end, and nothing is lost. */
  readonly isMended: boolean
  readonly workers?: string
  /** Longest time that the server may keep stanzas of lost streams, in seconds. */
  readonly patience?: number
  run(parts: Parts): Promise<void>
}

const hole = (seconds: number): Outage => ({
  name: `black hole of ${seconds} s`,
  isMended: true,
  async run({ relay }) {
    relay.hold()
    await sleep(seconds * 1000)
    relay.restore()
  },
})

/** Longer than a server keeps a lost stream. */
const expiry = 90

export const outages: readonly Outage[] = [
  { name: 'link cut', isMended: true, run: async ({ relay }) => relay.end() },
  { name: 'link reset', isMended: true, run: async ({ relay }) => relay.cut() },
  hole(5),
  hole(30),
  { name: 'server restarted', isMended: false, run: ({ server }) => server.restart() },
  {
    name: 'server killed',
    isMended: false,
    async run({ server }) {
      await server.kill()
      await server.restart()
    },
  },
  { name: 'SIGTERM and start', isMended: true, run: ({ service }) => service.restart('SIGTERM') },
  { name: 'kill -9 and start', isMended: false, patience: expiry, run: ({ service }) => service.restart('SIGKILL') },
  { name: 'SIGUSR2', isMended: true, workers: '2', run: ({ service }) => service.replaceWorkers() },
  {
    name: 'SIGTERM and start, workers',
    isMended: true,
    workers: '2',
    run: ({ service }) => service.restart('SIGTERM'),
  },
]

const admin = 'portal:choose-a-secret'
const secondsPerMessage = 3
/** Long, because all pages come back at once. */
const startSeconds = 60
/** How long all talk before an outage, and after it, in milliseconds. */
const talkMilliseconds = 5_000

/** Resolves with the faults. Writes a row for each outage. */
export async function observeOutages({ maker, sessions, only }: OutagePlan, log: (text: string) => void) {
  const users = Array.from({ length: sessions }, (_, index) => `user${index}`)
  const accounts = Object.fromEntries(users.map(name => [name, name]))
  const modules = '"roster", "saslauth", "tls", "disco", "ping", "bosh", "smacks", "offline"'
  const server = await (maker === 'prosody'
    ? startProsody({
        ...{ users: accounts, iterations: 4096 },
        config: `modules_enabled = { ${modules} }\nsmacks_hibernation_time = 60`,
      })
    : startEjabberd({
        users: accounts,
        modules: '  mod_offline: {}',
        streamManagement: '{resend_on_timeout: if_offline}',
      }))
  const relay = await startRelay(`http://127.0.0.1:${server.c2sPort}`)
  const faults: string[] = []
  try {
    log(rowOf(['fault', ...columns]))
    for (const workers of [undefined, '2']) {
      const wanted = outages.filter(({ name, workers: own }) => own === workers && (only?.includes(name) ?? true))
      if (wanted.length === 0) continue
      await using service = await Service.start({
        XMPP_SERVERS: `localhost=xmpp://127.0.0.1:${new URL(relay.url).port}?ca=${server.caFile}`,
        ...(workers !== undefined && { WORKERS: workers }),
      })
      const pairs = new Pairs({ url: service.url, admin, users, secondsPerMessage })
      await pairs.arrive()
      for (const outage of wanted) {
        pairs.begin()
        await sleep(talkMilliseconds)
        await outage.run({ server, relay, service })
        await sleep(talkMilliseconds)
        const tally = await pairs.end(outage.patience ?? 40)
        log(rowOf([outage.name, ...columns.map(name => String(tally[name]))]))
        for (const example of tally.examples) log(`    ${example}`)
        faults.push(...faultsOf(outage, tally))
      }
      await pairs.leave()
    }
    return faults
  } finally {
    await relay.stop()
    await server.stop()
  }
}

const columns = [
  ...(['said', 'lost', 'late', 'doubled', 'reordered', 'returned', 'returnedToo', 'unconfirmed'] as const),
  ...(['sessionsEnded', 'jidsChanged', 'goings'] as const),
]

const rowOf = ([first = '', ...others]: readonly string[]) =>
  first.padEnd(28) + others.map((word, index) => word.padStart(Math.max(6, columns[index]!.length + 1))).join('')

function* faultsOf({ name, isMended }: Outage, tally: Tally): Generator<string> {
  const zero = isMended ? columns.filter(column => column !== 'said') : (['lost'] as const)
  for (const column of zero) if (tally[column] > 0) yield `${name}: ${tally[column]} ${column}`
}

/** The built service, which stores its sessions in `STATE_DIR` when it stops. */
class Service {
  readonly url: string
  readonly #environment: Readonly<Record<string, string>>
  readonly #folder: string
  #child: ChildProcess

  private constructor(environment: Readonly<Record<string, string>>, folder: string, child: ChildProcess) {
    this.url = `http://127.0.0.1:${environment['PORT']}`
    this.#environment = environment
    this.#folder = folder
    this.#child = child
  }

  static async start(about: Readonly<Record<string, string>>): Promise<Service> {
    const folder = mkdtempSync(join(tmpdir(), 'warm-outages-'))
    const [port] = await freePorts(1)
    const keys = join(folder, 'keys')
    writeFileSync(keys, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 })
    const environment = {
      ...{ HOST: '127.0.0.1', PORT: String(port), ADMIN_USERS: admin, XMPP_DOMAINS: 'localhost' },
      ...{ STATE_DIR: join(folder, 'state'), SEAL_KEY_FILE: keys, XMPP_TIMEOUT: '10' },
      ...about,
    }
    return new Service(environment, folder, await run({ environment, folder }, 'service'))
  }

  async restart(signal: NodeJS.Signals): Promise<void> {
    const exited = new Promise(resolve => this.#child.once('exit', resolve))
    this.#child.kill(signal)
    await exited
    this.#child = await run({ environment: this.#environment, folder: this.#folder }, 'service', startSeconds)
  }

  /** Resolves once all old workers have ended, or after about a minute. */
  async replaceWorkers(): Promise<void> {
    const before = this.#workers()
    this.#child.kill('SIGUSR2')
    for (let left = 600; left > 0 && before.some(pid => this.#workers().includes(pid)); left--) await sleep(100)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await ended(this.#child)
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #workers(): string[] {
    const { pid } = this.#child
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean)
  }
}

/** `prosody 13.0.1`, say. */
export const versionOf = (maker: string, root = process.env['SERVERS_ROOT'] ?? '') =>
  `${maker} ${spawnSync('dpkg-query', [`--admindir=${root}/var/lib/dpkg`, '-W', '-f', `\${Version}`, maker], { encoding: 'utf8' }).stdout.split('-')[0]}`
