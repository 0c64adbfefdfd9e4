// Opens sessions, some at once, on whichever target: warmed by the service, logged in at the XMPP server's BOSH
// endpoint, or as a bare stream.
import type { Socket } from 'node:net'
import { BoshClient } from '../test/support/bosh-client.js'
import { boshLogin, type LoggedIn } from '../test/support/bosh-login.js'
import type { SaltedPasswords } from '../test/support/scram.js'
import { rawLogin } from './raw-login.js'
import { rawTlsLogin } from './raw-tls-login.js'
import { boshRoute, Lane, type Route } from './wire.js'
import { admin, domain, type Kind, type Target } from './work.js'

/** What this process remembers between logins, apart by target so that none profits from another's round. */
const remembered = new Map<Kind, SaltedPasswords>()

/** How many sessions are opened at a time unless the work says another number. */
export const usuallyAtOnce = 10

/**
 * Opens a session for each user, `atOnce` at a time, and resolves with the function that ends them all; `opened` gets
 * each one's time in milliseconds. Rejects at the first that fails.
 */
export async function openAll(
  target: Target,
  users: readonly string[],
  opened: (ms: number) => void,
  atOnce = usuallyAtOnce,
): Promise<() => Promise<void>> {
  const opener = new Opener(target)
  const ends: (() => Promise<void>)[] = []
  await inParallel(atOnce, users, async user => {
    const start = performance.now()
    ends.push(await opener.open(user))
    opened(performance.now() - start)
  })
  return async () => {
    await inParallel(usuallyAtOnce, ends, end => end())
    opener.close()
  }
}

/** Has sessions warmed for the users. */
export async function warmed(target: Target, users: readonly string[]): Promise<Warmed[]> {
  const lanes = new Lanes(target)
  const bindings: Warmed[] = []
  await inParallel(usuallyAtOnce, users, async user => void bindings.push(await warm(lanes, user)))
  lanes.close()
  return bindings
}

/** What the warm API answers. */
export interface Warmed extends LoggedIn {
  readonly websocket?: { readonly url: string; readonly token: string }
}

/** Opens BOSH sessions for the users and hands them over. */
export async function openBosh(target: Target, users: readonly string[]): Promise<LoggedIn[]> {
  const lanes = new Lanes(target)
  const sessions: LoggedIn[] = []
  await inParallel(usuallyAtOnce, users, async user => {
    sessions.push(await (target.kind === 'product' ? warm(lanes, user) : boshSession(lanes, user)))
  })
  lanes.close()
  return sessions
}

/** Opens single sessions of one target over connections that it keeps. */
export class Opener {
  readonly #target: Target
  readonly #lanes: Lanes

  constructor(target: Target) {
    this.#target = target
    this.#lanes = new Lanes(target)
  }

  /** Opens a session and resolves with what ends it. */
  async open(user: string): Promise<() => Promise<void>> {
    const { kind, port, caFile = '' } = this.#target
    const lanes = this.#lanes
    switch (kind) {
      case 'raw':
        return leaving(await rawLogin(port, user, rememberedBy(kind)))
      case 'raw-tls':
      case 'raw-tls-nudged': {
        const nudged = kind === 'raw-tls-nudged'
        return leaving(await rawTlsLogin(user, { port, caFile, nudged, remembered: rememberedBy(kind) }))
      }
      case 'floor': {
        const name = await lanes.use('warm', lane => textOf(lane, user))
        return () => lanes.use('end', async lane => void (await textOf(lane, name)))
      }
      case 'relay':
        throw new Error('a relay takes no logins')
      case 'product':
      case 'peer': {
        const { sid, rid } = await (kind === 'product' ? warm(lanes, user) : boshSession(lanes, user))
        return () => lanes.use('bosh', async lane => void (await lane.ask(terminateBody(sid, rid))))
      }
    }
  }

  close(): void {
    this.#lanes.close()
  }
}

const leaving = (socket: Socket) => async () =>
  void socket.removeAllListeners('close').end('</stream:stream>')

function rememberedBy(kind: Kind): SaltedPasswords {
  const known = remembered.get(kind) ?? new Map()
  remembered.set(kind, known)
  return known
}

async function textOf(lane: Lane, body: string): Promise<string> {
  const { status, text } = await lane.ask(body)
  if (status !== 200) throw new Error(`floor: HTTP ${status}: ${text.slice(0, 300)}`)
  return text
}

export const terminateBody = (sid: string, rid: number) =>
  `<body xmlns='http://jabber.org/protocol/httpbind' rid='${rid}' sid='${sid}' type='terminate'/>`

/** What a portal's backend does. */
function warm(lanes: Lanes, user: string): Promise<Warmed> {
  return lanes.use('warm', async lane => {
    const form = `jid=${user}%40${domain}&password=${user}`
    const { status, text } = await lane.ask(form)
    if (status >= 300) throw new Error(`warm: HTTP ${status}: ${text.slice(0, 300)}`)
    return JSON.parse(text) as Warmed
  })
}

/** What a client without the service does. */
function boshSession(lanes: Lanes, user: string): Promise<LoggedIn> {
  return lanes.use('bosh', async lane => {
    const post = async (body: string) => ({ ...(await lane.ask(body)), headers: {} })
    const client = new BoshClient('', { post })
    return boshLogin(client, { user, password: user, domain, remembered: rememberedBy('peer') })
  })
}

type Purpose = 'warm' | 'bosh' | 'end'

/** Keep-alive connections of one target, taken up again by the next request. */
class Lanes {
  readonly #routes: Record<Purpose, Route>
  readonly #idle: Record<Purpose, Lane[]> = { warm: [], bosh: [], end: [] }

  constructor({ kind, port, warmPort = port }: Target) {
    const authorization = `Authorization: Basic ${Buffer.from(admin).toString('base64')}\r\n`
    const form = 'Content-Type: application/x-www-form-urlencoded\r\nAccept: application/json\r\n'
    this.#routes = {
      warm: {
        port: warmPort,
        path: kind === 'floor' ? '/login' : '/warm',
        headers: `${form}${authorization}`,
      },
      bosh: boshRoute(port),
      end: { port, path: '/end', headers: '' },
    }
  }

  async use<T>(purpose: Purpose, work: (lane: Lane) => Promise<T>): Promise<T> {
    const lane = this.#idle[purpose].pop() ?? new Lane(this.#routes[purpose])
    const result = await work(lane)
    this.#idle[purpose].push(lane)
    return result
  }

  close(): void {
    for (const lane of Object.values(this.#idle).flat()) lane.close()
  }
}

/** Works through the items, that many at once. */
export async function inParallel<T>(
  atOnce: number,
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = items.values()
  const worker = async () => {
    for (const item of waiting) await work(item)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}
