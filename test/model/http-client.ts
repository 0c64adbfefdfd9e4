// The client of the model once more, now over sockets that break: each request is sent until a reply was read.
import { type Agent, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { boshNamespace, errorReply } from '../support/bosh-bench.js'
import type { Random } from '../support/random.js'
import { numbersIn } from './client.js'

/** Milliseconds that no reply may take. */
const longest = 20_000

/** Where the service is, and how to know that it has seen a connection's end. */
export interface Reached {
  readonly agent: Agent
  readonly port: number
  /** How often a request may fail on purpose; the service takes five repeats. */
  readonly mostFailures: number
  /** Resolves when the service knows that the connection from this port is gone. */
  readonly closed: (from: number | undefined) => Promise<void>
}

export class HttpClient {
  readonly sid: string
  /** By rid. */
  readonly #replies = new Map<number, string>()
  readonly #creation: string
  #rid: number
  #stanzas = 0

  private constructor(
    readonly server: Reached,
    readonly random: Random,
    { sid, rid, creation }: { sid: string; rid: number; creation: string },
  ) {
    this.sid = sid
    this.#rid = rid
    this.#creation = creation
  }

  static async create(server: Reached, random: Random, domain: string): Promise<HttpClient> {
    const text = `<body rid='1' to='${domain}' wait='1' hold='1' ver='1.6' xmlns='${boshNamespace}'/>`
    const creation = await post(server, text, 'read')
    const sid = / sid='([^']+)'/.exec(creation ?? '')![1]!
    return new HttpClient(server, random, { sid, rid: 1, creation: creation! })
  }

  /** Numbers of the server's stanzas as far as replies came without a gap. */
  get read(): number[] {
    const numbers = numbersIn(this.#creation)
    for (let rid = 2; this.#replies.has(rid); rid++) numbers.push(...numbersIn(this.#replies.get(rid)!))
    return numbers
  }

  get stanzas(): number {
    return this.#stanzas
  }

  /** Keeps two requests under way until `isDone` says that all has come. */
  async live(requests: number, isDone: () => boolean): Promise<void> {
    const open = new Set<Promise<void>>()
    for (let left = requests; left > 0 || !isDone(); left--) {
      const rid = ++this.#rid
      const count = left > 0 ? this.random.below(3) : 0
      const sent = this.#ask(rid, this.#text(rid, count)).finally(() => open.delete(sent))
      open.add(sent)
      if (this.random.chance(0.5)) await pause(this.random.below(4))
      // The window counts from the oldest request that has no reply.
      while (open.size >= 2 || (!this.#replies.has(this.#rid - 1) && this.#rid > 2)) await Promise.race(open)
    }
    await Promise.all(open)
  }

  /** If a link between two processes breaks, the repeat, of the client or of a process, finds that the session has ended. */
  async leave(): Promise<void> {
    const rid = ++this.#rid
    const text = `<body rid='${rid}' sid='${this.sid}' type='terminate' xmlns='${boshNamespace}'/>`
    let reply: string | undefined
    do reply = await post(this.server, text, 'read')
    while (reply === undefined || reply === errorReply)
    const condition = / condition='([^']*)'/.exec(reply)?.[1]
    if (condition !== undefined && condition !== 'item-not-found') throw new Error(`${rid} is told: ${reply}`)
  }

  #text(rid: number, count: number): string {
    let inner = ''
    for (let left = count; left > 0; left--) inner += `<message xmlns='jabber:client' id='c${this.#stanzas++}'/>`
    return `<body rid='${rid}' sid='${this.sid}' xmlns='${boshNamespace}'>${inner}</body>`
  }

  async #ask(rid: number, text: string): Promise<void> {
    let { port } = this.server
    for (let failures = 0; ; failures++) {
      const isRead = failures >= this.server.mostFailures || this.random.chance(0.6)
      const fate = isRead ? 'read' : this.random.pick(['break', 'lose'] as const)
      const reply = await post({ ...this.server, port }, text, fate, this.random.below(6))
      // The process that got the broken request may still look for the session: another one would be asked too early.
      if (fate !== 'break') port = this.server.port
      if (reply === undefined || reply === errorReply) continue
      if (reply.includes("type='terminate'")) throw new Error(`${rid} is told: ${reply}`)
      this.#replies.set(rid, reply)
      return
    }
  }
}

/** The reply; undefined if the socket was broken before it came, or before it was read. */
function post(
  { agent, port, closed }: Reached,
  text: string,
  fate: 'read' | 'break' | 'lose',
  after = 0,
): Promise<string | undefined> {
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
