// A client, a server and a session between them, as one run of the model has it.

import { waitingBytes } from '../../src/session/limits/freeing-memory.js'
import type { StoredSession } from '../../src/store/store.js'
import { BoshBench, boshNamespace, FakePeer } from '../support/bosh-bench.js'
import { firstRid, type Kind, type Made, ModelClient } from './client.js'
import type { Command, Setting } from './commands.js'
import { type Copy, SessionModel } from './model.js'
import { ModelServer } from './server.js'

const inactivity = 150
const polling = 5

export class World {
  readonly bench: BoshBench
  client: ModelClient
  /** The pages that had the session before. */
  readonly #before: ModelClient[] = []
  readonly model: SessionModel
  readonly server: ModelServer
  readonly #isPrompt: boolean
  /** Made, and not where it is meant to be yet. */
  #inTheAir: { made: Made; lossy: boolean }[] = []
  #answered: Copy[] = []
  /** A run takes milliseconds; one that takes seconds goes in circles. */
  readonly #until = performance.now() + 5000

  constructor(setting: Setting) {
    const { wait, maxRequests } = setting
    this.#isPrompt = setting.isPrompt
    const hold = Math.min(setting.hold, maxRequests - 1)
    const isPolling = wait === 0 || hold === 0
    this.bench = new BoshBench({ maxRequests, inactivity }, undefined, { maxQueueElements: 6 })
    this.client = new ModelClient(setting, hold + 1)
    const silence = inactivity + (isPolling ? 2 * polling : 0)
    this.model = new SessionModel({ wait, hold, requests: hold + 1, inactivity: silence, acks: setting.acks })
    this.server = new ModelServer(this.bench, this.model, setting.sasl2)
  }

  get ended(): boolean {
    return this.bench.registry.size === 0
  }

  async start(): Promise<void> {
    this.#deliver(this.client.creation(), false)
    await this.#settle()
    if (!this.#isPrompt) return
    this.server.open()
    await this.#settle()
    if (!this.model.mayRestart) return
    this.#make('restart', 0, 1)
    this.server.open()
    await this.#settle()
    this.#make('stanzas', 0, 1)
    await this.#settle()
  }

  async run({ name, x, y }: Command): Promise<void> {
    if (this.ended) return
    const { model } = this
    switch (name) {
      case 'send':
        this.#make('stanzas', x % 3, y)
        break
      case 'poll':
        this.#make('stanzas', 0, y)
        break
      case 'pause':
        this.#make('pause', x % 2, y, [1, 20, 90, 300][x % 4])
        break
      case 'restart':
        // Most clients know when they may.
        if (model.mayRestart || x % 20 === 0) this.#make('restart', 0, y)
        break
      case 'terminate':
        this.#make('terminate', x % 2, y)
        break
      case 'arrive':
        for (const { made, lossy } of this.#inTheAir.splice(x % (this.#inTheAir.length + 1), 1 + (y % 2))) {
          this.#deliver(made, lossy)
          await this.#settle()
        }
        break
      case 'vanish':
        this.#inTheAir.splice(x % (this.#inTheAir.length + 1), 1)
        break
      case 'drop':
        this.#drop(x)
        break
      case 'repeat': {
        const made = this.#repeatable[x % (this.#repeatable.length || 1)]
        if (made !== undefined) this.#launch(made, y)
        break
      }
      case 'burst':
        this.server.burst(1 + (x % 8), y % 2 === 0)
        break
      case 'features':
        this.server.open()
        break
      case 'tick':
        this.bench.clock.advance([50, 250, 400, 500][x % 4]!)
        break
      case 'pass':
        await this.pass([2, 6, 31, 61, 170, 310][x % 6]!)
        break
      case 'resume':
        this.#resume(x, [5, 60, 200][y % 3]!)
        break
      case 'stale': {
        const page = this.#before[y % (this.#before.length || 1)]
        const kind = (['stanzas', 'pause', 'terminate'] as const)[x % 3]!
        if (page?.mayMake(kind)) this.#deliver(page.make(kind, x % 2, kind === 'pause' ? 20 : 0), false)
        break
      }
      case 'eavesdrop':
        await this.#eavesdrop()
        break
      case 'streamError':
      case 'linkLoss':
      case 'shutDown':
        this.server.end(name)
        break
      default:
        this.#fault(name, x)
    }
    await this.#settle()
  }

  /** The client mends all that was lost, until both sides have everything, and then leaves. */
  async finish(): Promise<void> {
    this.#inTheAir = []
    for (let turns = 0; !this.ended && turns < 60; turns++) {
      this.server.open()
      await this.#settle()
      const lost = this.client.outstanding.filter(made => !this.#cameFromPeer(made))
      for (const made of lost) {
        this.#deliver(made, false)
        await this.#settle()
      }
      if (this.ended) break
      // The end of the server's stream is told after all stanzas, also those that come back.
      const hasAll = this.client.read.length === this.#forPage && this.model.outcome === undefined
      if (hasAll && this.client.outstanding.length === 0) break
      if (this.client.mayMake('stanzas') && !hasAll) this.#deliver(this.client.make('stanzas', 0), false)
      else await this.pass(1)
      await this.#settle()
    }
    if (!this.ended) {
      if (this.client.read.length !== this.#forPage) throw new Error('the server is read no further')
      if (String(this.client.read) !== String(this.model.sent.slice(this.model.base)))
        throw new Error(`the client read ${this.client.read}`)
      this.#lookForLost()
      this.#deliver(this.client.make('terminate', 1), false)
      await this.#settle()
    }
    if (!this.ended) throw new Error('it cannot be ended')
    this.bench.clock.advance(250)
    // Of lines in the log.
    this.bench.sums.close()
    if (this.bench.clock.pending > 0) throw new Error('a timer is left')
    if (!this.bench.link.closed) throw new Error('the link is left open')
    const { reply } = await this.bench.send(`<body rid='1' sid='${this.client.sid}' xmlns='${boshNamespace}'/>`)
    // A service that stops says so to everybody.
    if (!/condition='(item-not-found|system-shutdown)'/.test(reply?.body ?? ''))
      throw new Error(`after the end: ${reply?.body}`)
  }

  async pass(seconds: number): Promise<void> {
    for (let left = seconds * 2; left > 0 && !this.ended; left--) {
      this.bench.clock.advance(500)
      await this.#settle()
    }
  }

  /** How much the server has for the page that has the session. */
  get #forPage(): number {
    return this.server.stanzas - this.model.base
  }

  /** Requests that a client may send again: the open ones, and the last ones that the service has to remember. */
  get #repeatable(): Made[] {
    const { client, model } = this
    const kept = [...model.given.keys()].slice(-client.requests - 1)
    return [...client.made.values()].filter(
      made =>
        made.rid !== firstRid &&
        client.mayRepeat(made) &&
        (made.reply === undefined || (!client.wishes.acks && kept.includes(made.rid))),
    )
  }

  #cameFromPeer({ rid }: Made): boolean {
    return this.model.waiting.some(
      ({ made, peer, lossy, superseded }) => made.rid === rid && !peer.gone && !lossy && !superseded,
    )
  }

  #make(kind: Kind, stanzas: number, fate: number, pause?: number): void {
    if (this.client.mayMake(kind)) this.#launch(this.client.make(kind, stanzas, pause), fate)
  }

  /** Most requests arrive at once; some take their time; some replies are lost on the way. */
  #launch(made: Made, fate: number): void {
    made.copies += 1
    const lossy = fate % 4 === 0
    // Which of two rids a page begins with is known from the one that comes first.
    const isFirst = this.client.made.size === 1
    if (fate % 3 === 0 && !isFirst) this.#inTheAir.push({ made, lossy })
    else this.#deliver(made, lossy)
  }

  #deliver(made: Made, lossy: boolean): void {
    if (this.ended && made.rid !== firstRid) return
    // A reply that came long ago is forgotten, and to ask for it again would rightly end the session.
    if (made.reply !== undefined && !this.#repeatable.includes(made)) return
    const peer = new FakePeer()
    const copy: Copy = { made, peer, lossy, since: this.bench.clock.now(), superseded: false, reply: undefined }
    this.model.arrive(copy)
    void this.bench.manager.exchange(made.text, peer).then(reply => {
      copy.reply = reply
      this.#answered.push(copy)
    })
  }

  #drop(which: number): void {
    const live = this.model.waiting.filter(({ peer, made }) => !peer.gone && made.rid !== firstRid)
    const copy = live[which % (live.length || 1)]
    if (copy === undefined) return
    this.model.leave(copy, this.bench.clock.now())
    copy.peer.leave()
  }

  /** Another page takes the session over; it begins with the rid that it is told, or with the one before. */
  #resume(which: number, seconds: number): void {
    const { bench, client, model } = this
    const [{ id }] = [...bench.registry.list()] as [StoredSession]
    const { isResumable } = model
    const resumed = bench.registry.byId(id)?.resume({ seconds, attachBinding: 'off' })
    if (isResumable !== undefined && (resumed !== undefined) !== isResumable)
      throw new Error(resumed === undefined ? 'it cannot be resumed' : 'it is resumed too early or too late')
    if (resumed === undefined) return
    const last = resumed.rid - 1 - (which % 2)
    model.resume(resumed.rid, last, seconds, bench.clock.now())
    this.#before.push(client)
    this.client = client.next(last)
    this.#lookForLost()
  }

  #lookForLost(): void {
    const { model } = this
    const read = new Set([...this.#before, this.client].flatMap(page => page.read))
    const lost = model.stanzasAmong(model.handed).filter(number => !read.has(number))
    if (lost.length > 0) throw new Error(`${lost} reached no page and will not be sent again`)
  }

  async #eavesdrop(): Promise<void> {
    if (this.client.sid === undefined) return
    const body = `<body rid='${this.client.lastRid + 1}' sid='${this.client.sid}' xmlns='${boshNamespace}'/>`
    const { reply } = await this.bench.send(body, new FakePeer(false))
    if (reply?.status !== 0) throw new Error(`an eavesdropper gets ${reply?.body}`)
  }

  /** A request that ends the session, and not by a wish. */
  #fault(name: Command['name'], x: number): void {
    const { model, client } = this
    if (client.sid === undefined) return
    const sid = client.sid
    const isKeyFault = name === 'wrongKey' && client.wishes.keys && model.outcome === undefined
    if (name !== 'outside' && name !== 'badRid' && !isKeyFault) return
    const above = isKeyFault ? 1 : client.requests + 1 + (x % 3)
    const rid = name === 'badRid' ? `-${x}` : Math.max(model.received, model.fence) + above
    const text = `<body rid='${rid}' sid='${sid}' key='wrong' xmlns='${boshNamespace}'/>`
    model.end = 'fault'
    // Received it is, for all that.
    if (isKeyFault) model.received += 1
    void this.bench.manager.exchange(text, new FakePeer())
  }

  async #settle(): Promise<void> {
    await new Promise(resolve => setImmediate(resolve))
    if (performance.now() > this.#until) throw new Error('it takes for ever')
    const now = this.bench.clock.now()
    for (const copy of this.#answered.splice(0)) {
      const counts = this.model.answer(copy, copy.reply!, now)
      if (counts && !copy.peer.gone && !copy.lossy) copy.made.reply ??= copy.reply!.body
      if (copy.made.rid === firstRid && counts) copy.made.reply ??= copy.reply!.body
    }
    this.client.sid ??= / sid='([^']+)'/.exec(this.model.given.get(firstRid) ?? '')?.[1]
    this.server.look()
    this.model.check(now, this.ended, this.server.forwarded, this.server.bounced)
    let bytes = 0
    for (const session of this.bench.registry.all()) bytes += waitingBytes(session)
    if (bytes !== this.bench.waiting.bytes)
      throw new Error(`${this.bench.waiting.bytes} bytes are counted, not ${bytes}`)
    if (!this.ended && (this.server.catchUp() || this.server.answerBind())) await this.#settle()
  }
}
