import { BoshClient } from '../test/support/bosh-client.js'
import { boshLogin, type LoggedIn } from '../test/support/bosh-login.js'
import { RawClient } from '../test/support/raw-client.js'
import type { SaltedPasswords } from '../test/support/scram.js'
import { logIn } from '../test/support/stream-login.js'
import { HttpLane, type Route, xmlRoute } from './http-lane.js'
import { openTls, rawLogin } from './raw-login.js'
import { WebSocketLane } from './web-socket-lane.js'
import { adminHeader, domain, type Kind, type Target } from './work.js'

export const usuallyAtOnce = 10

/** Each kind has its own cache, because a shared cache would make the later kinds faster. */
const remembered = new Map<Kind | 'websocket', SaltedPasswords>()

function rememberedBy(kind: Kind | 'websocket'): SaltedPasswords {
  const known = remembered.get(kind) ?? new Map()
  remembered.set(kind, known)
  return known
}

export const terminateBody = (sid: string, rid: number) =>
  `<body xmlns='http://jabber.org/protocol/httpbind' rid='${rid}' sid='${sid}' type='terminate'/>`

export async function openBosh(target: Target, users: readonly string[]): Promise<LoggedIn[]> {
  const sessions: LoggedIn[] = []
  const lanes = new Lanes(target)
  const open = target.kind === 'product' ? warm : boshSession
  await inParallel(usuallyAtOnce, users, async user => void sessions.push(await open(lanes, user)))
  lanes.close()
  return sessions
}

export class Opener {
  readonly #lanes: Lanes

  constructor(readonly target: Target) {
    this.#lanes = new Lanes(target)
  }

  async open(user: string): Promise<() => Promise<void>> {
    const { kind, port, caFile = '' } = this.target
    const lanes = this.#lanes
    switch (kind) {
      case 'raw':
        return rawLogin(new RawClient(port), user, rememberedBy(kind))
      case 'raw-tls':
        return rawLogin(await openTls(port, caFile), user, rememberedBy(kind))
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

async function textOf(lane: HttpLane, body: string): Promise<string> {
  const { status, text } = await lane.ask(body)
  if (status >= 300) throw new Error(`HTTP ${status}: ${text.slice(0, 300)}`)
  return text
}

interface Warmed extends LoggedIn {
  readonly websocket?: { readonly url: string; readonly token: string }
}

const warm = (lanes: Lanes, user: string): Promise<Warmed> =>
  lanes.use('warm', async lane => JSON.parse(await textOf(lane, `jid=${user}%40${domain}&password=${user}`)))

const boshSession = (lanes: Lanes, user: string): Promise<LoggedIn> =>
  lanes.use('bosh', lane => {
    const post = async (body: string) => ({ ...(await lane.ask(body)), headers: {} })
    const client = new BoshClient('', { post })
    return boshLogin(client, { user, password: user, domain, remembered: rememberedBy('peer') })
  })

type Purpose = 'warm' | 'bosh' | 'end'

class Lanes {
  readonly #routes: Record<Purpose, Route>
  readonly #idle: Record<Purpose, HttpLane[]> = { warm: [], bosh: [], end: [] }

  constructor({ kind, port, host, warmPort = port }: Target) {
    const headers =
      'Content-Type: application/x-www-form-urlencoded\r\nAccept: application/json\r\n' +
      `Authorization: ${adminHeader}\r\n`
    this.#routes = {
      warm: { port: warmPort, host, path: kind === 'floor' ? '/login' : '/warm', headers },
      bosh: xmlRoute(port),
      end: { port, path: '/end', headers: '' },
    }
  }

  async use<T>(purpose: Purpose, work: (lane: HttpLane) => Promise<T>): Promise<T> {
    const lane = this.#idle[purpose].pop() ?? new HttpLane(this.#routes[purpose])
    const result = await work(lane)
    this.#idle[purpose].push(lane)
    return result
  }

  close(): void {
    for (const lane of Object.values(this.#idle).flat()) lane.close()
  }
}

export interface SocketSession {
  readonly jid: string
  readonly lane: WebSocketLane
}

const framing = 'urn:ietf:params:xml:ns:xmpp-framing'
const open = `<open xmlns='${framing}' to='${domain}' version='1.0'/>`
export const closeFrame = `<close xmlns='${framing}'/>`

export async function openSockets(
  target: Target,
  users: readonly string[],
  failed: (error: Error) => void,
): Promise<SocketSession[]> {
  const sessions: SocketSession[] = []
  const { kind, port } = target
  const lanes = new Lanes(target)
  const openOne = async (user: string): Promise<SocketSession> => {
    const warmed = kind === 'product' ? await warm(lanes, user) : undefined
    const path = warmed === undefined ? '/xmpp-websocket' : new URL(warmed.websocket!.url).pathname
    const lane = await WebSocketLane.open(port, path, failed)
    const stream = { ask: lane.ask, open: () => lane.ask(open, /features>/) }
    const password = warmed?.websocket?.token ?? user
    return { lane, jid: await logIn(stream, { user, password, remembered: rememberedBy('websocket') }) }
  }
  await inParallel(usuallyAtOnce, users, async user => void sessions.push(await openOne(user)))
  lanes.close()
  return sessions
}

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
