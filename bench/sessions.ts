import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createSecureContext, type SecureContext, connect as startTls } from 'node:tls'
import { BoshClient } from '../test/support/bosh-client.js'
import { boshLogin, type LoggedIn } from '../test/support/bosh-login.js'
import { RawClient } from '../test/support/raw-client.js'
import type { SaltedPasswords } from '../test/support/scram.js'
import { logIn } from '../test/support/stream-login.js'
import { HttpLane, type Route, xmlRoute } from './http-lane.js'
import { openLane, type WebSocketLane } from './web-socket-lane.js'
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
  const opener = new Opener(target)
  await inParallel(usuallyAtOnce, users, async user => void sessions.push(await opener.openBosh(user)))
  opener.close()
  return sessions
}

interface Warmed extends LoggedIn {
  readonly websocket: { readonly url: string; readonly token: string }
}

type Purpose = 'warm' | 'bosh' | 'end'

export class Opener {
  readonly #routes: Record<Purpose, Route>
  readonly #idle: Record<Purpose, HttpLane[]> = { warm: [], bosh: [], end: [] }

  constructor(readonly target: Target) {
    const { kind, port, host, warmPort = port } = target
    const headers =
      'Content-Type: application/x-www-form-urlencoded\r\nAccept: application/json\r\n' +
      `Authorization: ${adminHeader}\r\n`
    this.#routes = {
      warm: { port: warmPort, host, path: kind === 'floor' ? '/login' : '/warm', headers },
      bosh: xmlRoute(port),
      end: { port, path: '/end', headers: '' },
    }
  }

  /** Resolves with how to end the session. */
  async open(user: string): Promise<() => Promise<void>> {
    const { kind, port, caFile = '' } = this.target
    if (kind === 'raw' || kind === 'raw-tls') {
      const client = kind === 'raw' ? new RawClient(port) : await openTls(port, caFile)
      await logIn(client, { user, password: user, remembered: rememberedBy(kind) })
      return async () => client.end('</stream:stream>')
    }
    if (kind === 'floor') {
      const name = await this.#post('warm', user)
      return async () => void (await this.#post('end', name))
    }
    const { sid, rid } = await this.openBosh(user)
    return async () => void (await this.#post('bosh', terminateBody(sid, rid)))
  }

  openBosh(user: string): Promise<LoggedIn> {
    if (this.target.kind === 'product') return this.warm(user)
    return this.#use('bosh', lane => {
      const post = async (body: string) => ({ ...(await lane.ask(body)), headers: {} })
      const client = new BoshClient('', { post })
      return boshLogin(client, { user, password: user, domain, remembered: rememberedBy('peer') })
    })
  }

  async warm(user: string): Promise<Warmed> {
    return JSON.parse(await this.#post('warm', `jid=${user}%40${domain}&password=${user}`))
  }

  close(): void {
    for (const lane of Object.values(this.#idle).flat()) lane.close()
  }

  #post(purpose: Purpose, body: string): Promise<string> {
    return this.#use(purpose, async lane => {
      const { status, text } = await lane.ask(body)
      if (status >= 300) throw new Error(`HTTP ${status}: ${text.slice(0, 300)}`)
      return text
    })
  }

  async #use<T>(purpose: Purpose, work: (lane: HttpLane) => Promise<T>): Promise<T> {
    const lane = this.#idle[purpose].pop() ?? new HttpLane(this.#routes[purpose])
    const result = await work(lane)
    this.#idle[purpose].push(lane)
    return result
  }
}

let context: SecureContext | undefined

async function openTls(port: number, caFile: string): Promise<RawClient> {
  const plain = await RawClient.open(port)
  await plain.ask("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", /<proceed[^>]*\/>/)
  context ??= createSecureContext({ ca: readFileSync(caFile), minVersion: 'TLSv1.3' })
  const secured = startTls({ socket: plain.release(), secureContext: context, servername: domain })
  await once(secured, 'secureConnect')
  return new RawClient(secured)
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
  const opener = new Opener(target)
  const openOne = async (user: string): Promise<SocketSession> => {
    const warmed = kind === 'product' ? await opener.warm(user) : undefined
    const path = warmed === undefined ? '/xmpp-websocket' : new URL(warmed.websocket.url).pathname
    const lane = await openLane(port, path, failed)
    const stream = { ask: lane.ask, open: () => lane.ask(open, /features>/) }
    const password = warmed?.websocket.token ?? user
    return { lane, jid: await logIn(stream, { user, password, remembered: rememberedBy('websocket') }) }
  }
  await inParallel(usuallyAtOnce, users, async user => void sessions.push(await openOne(user)))
  opener.close()
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
