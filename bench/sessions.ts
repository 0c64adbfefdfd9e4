// Opens sessions, ten at once, on whichever target: warmed by the service, logged in at Prosody's BOSH endpoint,
// or as a bare stream.
import { BoshClient } from '../test/support/bosh-client.js'
import { boshLogin, type LoggedIn } from '../test/support/bosh-login.js'
import type { SaltedPasswords } from '../test/support/scram.js'
import { rawLogin } from './raw-login.js'
import { boshRoute, Lane, type Route } from './wire.js'
import { admin, domain, type Target } from './work.js'

/** What this process remembers between logins, apart by target so that none profits from another's round. */
const remembered = { peer: new Map(), raw: new Map() } satisfies Record<string, SaltedPasswords>

const atOnce = 10

/** Opens one session and resolves with what ends it. */
type Open = (user: string) => Promise<() => Promise<void>>

/**
 * Opens a session for each user and resolves with the functions that end them; `opened` gets each one's time in
 * milliseconds. Rejects at the first that fails.
 */
export async function openAll(target: Target, users: readonly string[], opened: (ms: number) => void) {
  const { open, close } = openerOf(target)
  const ends: (() => Promise<void>)[] = []
  await inParallel(users, async user => {
    const start = performance.now()
    ends.push(await open(user))
    opened(performance.now() - start)
  })
  return {
    endAll: async () => {
      await inParallel(ends, end => end())
      close()
    },
  }
}

/** Opens BOSH sessions for the users and hands them over. */
export async function openBosh(target: Target, users: readonly string[]): Promise<LoggedIn[]> {
  const lanes = new Lanes(target)
  const sessions: LoggedIn[] = []
  await inParallel(users, async user => {
    sessions.push(await (target.kind === 'product' ? warm(lanes, user) : boshSession(lanes, user)))
  })
  lanes.close()
  return sessions
}

function openerOf(target: Target): { open: Open; close: () => void } {
  if (target.kind === 'raw') {
    const open = async (user: string) => {
      const socket = await rawLogin(target.port, user, remembered.raw)
      return async () => void socket.removeAllListeners('close').end('</stream:stream>')
    }
    return { open, close: () => {} }
  }
  const lanes = new Lanes(target)
  const enter = target.kind === 'product' ? warm : boshSession
  const open = async (user: string) => {
    const { sid, rid } = await enter(lanes, user)
    return () => lanes.use('bosh', async lane => void (await lane.ask(terminateBody(sid, rid))))
  }
  return { open, close: () => lanes.close() }
}

export const terminateBody = (sid: string, rid: number) =>
  `<body xmlns='http://jabber.org/protocol/httpbind' rid='${rid}' sid='${sid}' type='terminate'/>`

/** What a portal's backend does. */
function warm(lanes: Lanes, user: string): Promise<LoggedIn> {
  return lanes.use('warm', async lane => {
    const form = `jid=${user}%40${domain}&password=${user}`
    const { status, text } = await lane.ask(form)
    if (status >= 300) throw new Error(`warm: HTTP ${status}: ${text.slice(0, 300)}`)
    return JSON.parse(text) as LoggedIn
  })
}

/** What a client without the service does. */
function boshSession(lanes: Lanes, user: string): Promise<LoggedIn> {
  return lanes.use('bosh', async lane => {
    const post = async (body: string) => ({ ...(await lane.ask(body)), headers: {} })
    const client = new BoshClient('', { post })
    return boshLogin(client, { user, password: user, domain, remembered: remembered.peer })
  })
}

/** Keep-alive connections of one target, taken up again by whoever comes next. */
class Lanes {
  readonly #routes: Record<'warm' | 'bosh', Route>
  readonly #idle: Record<'warm' | 'bosh', Lane[]> = { warm: [], bosh: [] }

  constructor(target: Target) {
    const authorization = `Authorization: Basic ${Buffer.from(admin).toString('base64')}\r\n`
    const form = 'Content-Type: application/x-www-form-urlencoded\r\nAccept: application/json\r\n'
    this.#routes = {
      bosh: boshRoute(target.port),
      warm: { port: target.port, path: '/warm', headers: `${form}${authorization}` },
    }
  }

  async use<T>(kind: 'warm' | 'bosh', work: (lane: Lane) => Promise<T>): Promise<T> {
    const lane = this.#idle[kind].pop() ?? new Lane(this.#routes[kind])
    const result = await work(lane)
    this.#idle[kind].push(lane)
    return result
  }

  close(): void {
    for (const lane of Object.values(this.#idle).flat()) lane.close()
  }
}

/** Works through the items, ten at once. */
async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values()
  const worker = async () => {
    for (const item of waiting) await work(item)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}
