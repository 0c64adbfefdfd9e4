// A page over BOSH whose sockets break: each request is sent until its reply was read.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Agent, request } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { boshNamespace, errorReply } from '../support/bosh-bench.js'
import type { Random } from '../support/random.js'
import { numbersIn } from './client.js'

/** Milliseconds that no reply may take. */
const longest = 20_000

const agent = new Agent({ keepAlive: true, maxSockets: 100 })

/** Ports of clients whose connections to a server of this process are over. */
const gone = new Set<number>()

function note(message: unknown): void {
  const { socket } = message as { socket: Socket }
  const from = socket.remotePort
  if (from === undefined) return
  gone.delete(from)
  socket.once('close', () => gone.add(from))
}

/** Until what it returns is called, the ends of connections to servers of this process are seen. */
export function watchConnections(): () => void {
  subscribe('net.server.socket', note)
  return () => {
    unsubscribe('net.server.socket', note)
    agent.destroy()
  }
}

export interface Reached {
  /** Where the next request goes: any process may be asked. */
  readonly port: number
  /** How often a request may fail on purpose; the service takes five repeats. */
  readonly mostFailures: number
}

export class BoshPage {
  readonly #server: Reached
  readonly #random: Random
  readonly #sid: string
  readonly #first: number
  /** By rid. */
  readonly #replies = new Map<number, string>()

  constructor(server: Reached, random: Random, { sid, rid }: { readonly sid: string; readonly rid: number }) {
    this.#server = server
    this.#random = random
    this.#sid = sid
    this.#first = rid
  }

  /** Numbers of the server's stanzas, in the order of the replies. */
  get read(): number[] {
    return Array.from(this.#replies.keys())
      .sort((a, b) => a - b)
      .flatMap(rid => numbersIn(this.#replies.get(rid)!))
  }

  /** Sends so many requests, two at a time, and reads their replies. `stanzas` makes what is in one. */
  async live(requests: number, stanzas: () => string): Promise<void> {
    const last = this.#first + requests
    let before: Promise<void> = Promise.resolve()
    for (let rid = this.#first; rid < last; rid++) {
      const sent = this.#ask(rid, stanzas())
      // The window counts from the oldest request that has no reply.
      await before
      before = sent
      if (this.#random.chance(0.5)) await pause(this.#random.below(4))
    }
    // The service answers all that it holds.
    await Promise.all([before, this.#ask(last, '', " pause='10'")])
  }

  async #ask(rid: number, inner: string, attributes = ''): Promise<void> {
    const text = `<body rid='${rid}' sid='${this.#sid}'${attributes} xmlns='${boshNamespace}'>${inner}</body>`
    let { port } = this.#server
    for (let failures = 0; ; failures++) {
      const isRead = failures >= this.#server.mostFailures || this.#random.chance(0.6)
      const fate = isRead ? 'read' : this.#random.pick(['break', 'lose'] as const)
      const reply = await post(port, text, fate, this.#random.below(6))
      // The process that got the broken request may still look for the session: another one would be asked too early.
      if (fate !== 'break') port = this.#server.port
      if (reply === undefined || reply === errorReply) continue
      if (reply.includes("type='terminate'")) throw new Error(`${rid} is told: ${reply}`)
      this.#replies.set(rid, reply)
      return
    }
  }
}

/** Resolves when the service has seen the end of the connection from this port. */
async function closed(from: number | undefined): Promise<void> {
  while (from !== undefined && !gone.has(from)) await pause(1)
}

/** The reply; undefined if the socket was broken before it came, or before it was read. */
function post(port: number, text: string, fate: 'read' | 'break' | 'lose', after: number): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request({ agent, port, host: '127.0.0.1', method: 'POST', path: '/http-bind' }, res => {
      if (fate === 'lose') {
        res.destroy()
        resolve(undefined)
        return
      }
      const chunks: Buffer[] = []
      res.on('data', (chunk: Buffer) => chunks.push(chunk))
      res.once('end', () => resolve(Buffer.concat(chunks).toString()))
    })
    let from: number | undefined
    sent.once('socket', socket => {
      from = socket.localPort
      if (!socket.connecting) return
      socket.once('connect', () => {
        from = socket.localPort
      })
    })
    sent.once('error', () => {})
    // A copy that the service reads when its reply is long forgotten would end the session.
    sent.once('close', () => void closed(fate === 'break' ? from : undefined).then(() => resolve(undefined)))
    sent.setTimeout(longest, () => reject(new Error(`no reply to ${text}`)))
    if (fate === 'break') setTimeout(() => sent.destroy(), after)
    sent.end(text)
  })
}
