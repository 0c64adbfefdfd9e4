// A client, a server and a session between them, as one run of the model has it.

import { waitingBytes } from '../../src/session/limits/freeing-memory.js'
import type { StoredSession } from '../../src/store/store.js'
import { BoshBench, boshNamespace, FakePeer } from '../support/bosh-bench.js'
import { firstRid, type Kind, type Made, ModelClient } from './client.js'
import type { Command, Setting } from './commands.js'
import { Broken, type Copy, SessionModel } from './model.js'
import { ModelServer } from './server.js'
import { type Login, logins, resumeSeconds, SocketPage } from './socket-page.js'

const inactivity = 150
const polling = 5
/** How long the service waits until a page has taken its session over, in milliseconds. */
const patience = 30_000

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
  /** The token that was handed out last, and until when it is good, as long as it was not used; and all those before it. */
  #token: { readonly text: string; readonly until: number } | undefined
  #oldTokens: string[] = []
  /** The page that has the session over WebSocket, connected or not. */
  #socket: SocketPage | undefined
  /** The one that had it last, and may go on with its stream; whether no other has had anything since. */
  #last: SocketPage | undefined
  #isUntouched = false
  /** One that was let in, and has yet to say what it wants; whether it may still have the session, and until when. */
  #halfway: { readonly page: SocketPage; readonly goesOn: boolean; readonly until: number } | undefined
  #mayGoOn = false
  #pages: SocketPage[] = []
  #sockets: SocketPage['socket'][] = []
  /** What pages over WebSocket have read before they began anew, and what may have been lost with their connections. */
  #readBefore: number[] = []
  #mayBeLost: number[] = []
  /** A run takes milliseconds; one that takes seconds goes in circles. */
  readonly #until = performance.now() + 5000
  constructor(setting: Setting) {
    const { wait, maxRequests } = setting
    this.#isPrompt = setting.isPrompt
    const hold = Math.min(setting.hold, maxRequests - 1)
    const isPolling = wait === 0 || hold === 0
    const about = { maxQueueElements: 6, issuesTickets: setting.hasSockets }
    this.bench = new BoshBench({ maxRequests, inactivity }, undefined, about)
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
      case 'attachSocket':
        this.#attachSocket(logins[x % 4]!, y)
        break
      case 'halfway':
        this.#attachSocket(logins[x % 3]!, y, true)
        break
      case 'goOn':
        this.#goOnHalfway()
        break
      case 'wrongToken':
        this.#showWrong(logins[x % 4]!, this.#oldTokens[y % (this.#oldTokens.length || 1)] ?? 'guessed')
        break
      case 'socketSend':
        this.#live?.send(x % 3)
        if (y % 3 > 0) this.#arrive(3)
        break
      case 'socketArrive':
        this.#arrive(1 + (x % 4))
        break
      case 'socketRead':
        this.#live?.take(1 + (x % 5))
        break
      case 'cut':
        this.#cut(x % 4, y % 3)
        break
      case 'stall':
        this.#stall()
        break
      case 'slow':
        this.#beSlow(this.bench.link.backlog === 0)
        break
      case 'staleSocket': {
        const socket = this.#sockets[x % (this.#sockets.length || 1)]
        if (socket !== this.#socket?.socket && socket !== this.#halfway?.page.socket)
          socket?.receive(`<message xmlns='jabber:client' id='c${999_000 + y}'/>`)
        break
      }
      case 'socketClose':
        if (this.#live !== undefined && model.outcome === undefined) {
          model.end = 'asked'
          this.#live.close()
        }
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
    await this.#finishSocket()
    for (let turns = 0; !this.ended && turns < 60; turns++) {
      this.server.open()
      await this.#settle()
      const lost = this.client.outstanding.filter(made => !this.#cameFromPeer(made))
      for (const made of lost) {
        this.#deliver(made, false)
        await this.#settle()
      }
      if (this.ended) break
      const isDone = this.client.read.length === this.#forPage && this.client.outstanding.length === 0
      if (isDone) break
      if (this.client.mayMake('stanzas') && this.client.read.length < this.#forPage)
        this.#deliver(this.client.make('stanzas', 0), false)
      else await this.pass(1)
      await this.#settle()
    }
    if (!this.ended) {
      if (this.client.read.length !== this.#forPage) throw new Broken('the server is read no further')
      if (String(this.client.read) !== String(this.model.sent.slice(this.model.base)))
        throw new Broken(`the client read ${this.client.read}`)
      this.#lookForLost()
      this.#deliver(this.client.make('terminate', 1), false)
      await this.#settle()
    }
    if (!this.ended) throw new Broken('it cannot be ended')
    for (const socket of this.#sockets) socket.leave()
    this.bench.clock.advance(250)
    if (this.bench.clock.pending > 0) throw new Broken('a timer is left')
    if (!this.bench.link.closed) throw new Broken('the link is left open')
    const { reply } = await this.bench.send(`<body rid='1' sid='${this.client.sid}' xmlns='${boshNamespace}'/>`)
    // A service that stops says so to everybody.
    if (!/condition='(item-not-found|system-shutdown)'/.test(reply?.body ?? ''))
      throw new Broken(`after the end: ${reply?.body}`)
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
    const copy: Copy = {
      made,
      peer,
      lossy,
      since: this.bench.clock.now(),
      superseded: false,
      reply: undefined,
    }
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
    const resumed = bench.registry.byId(id)?.resume({ seconds, attachBinding: 'off' })
    if ((resumed !== undefined) !== model.isResumable)
      throw new Broken(resumed === undefined ? 'it cannot be resumed' : 'it is resumed too early or too late')
    if (resumed === undefined) return
    this.#leaveSocket(which % 5)
    if (this.#token !== undefined) this.#oldTokens.push(this.#token.text)
    const { token } = resumed
    this.#token = token === undefined ? undefined : { text: token, until: bench.clock.now() + seconds * 1000 }
    this.#mayGoOn = false
    const last = resumed.rid - 1 - (which % 2)
    model.resume(resumed.rid, last, seconds, bench.clock.now())
    this.#before.push(client)
    this.client = client.next(last)
    this.#lookForLost()
  }

  #lookForLost(): void {
    const { model } = this
    const read = new Set([...this.#before, this.client, ...this.#pages].flatMap(page => page.read))
    for (const number of [...this.#readBefore, ...this.#mayBeLost]) read.add(number)
    const lost = model.stanzasAmong(model.handed).filter(number => !read.has(number))
    if (lost.length > 0 && this.#socket === undefined)
      throw new Broken(`${lost} reached no page and will not be sent again`)
  }

  /** The page that is connected over WebSocket. */
  get #live(): SocketPage | undefined {
    return this.model.socket === 'open' || this.model.socket === 'behind' ? this.#socket : undefined
  }

  /** A page comes over WebSocket: a new one, or the last one once more. */
  #attachSocket(login: Login, y: number, stopsHalfway = false): void {
    const { bench, model } = this
    const token = this.#token
    if (token === undefined || this.#socket !== undefined) return
    const goesOn = this.#last?.streamId !== undefined && y % 3 > 0
    const page = goesOn ? this.#last! : new SocketPage(bench, 1000 * (this.#pages.length + 1), y % 2 === 0)
    // It has given up the connection on which it was let in before.
    if (this.#halfway?.page === page) this.#halfway = undefined
    if (goesOn) page.reconnect()
    else this.#pages.push(page)
    this.#sockets.push(page.socket)
    const isGood = !model.hasCome && bench.clock.now() < token.until && !this.ended
    const isIn = page.logIn(goesOn && login === 'inline' ? 'plain' : login, token.text)
    if (isIn !== isGood) throw new Broken(isIn ? 'a token is good that should not be' : 'a token is not good')
    if (!isIn) return
    this.#oldTokens.push(token.text)
    this.#token = undefined
    this.#mayGoOn = true
    this.#halfway = { page, goesOn, until: bench.clock.now() + patience }
    if (!stopsHalfway) this.#goOnHalfway()
  }

  /** The page that was let in says what it wants: to go on with its stream, or to begin anew. */
  #goOnHalfway(): void {
    const { bench, model } = this
    const halfway = this.#halfway
    this.#halfway = undefined
    if (halfway === undefined || bench.clock.now() >= halfway.until) return
    const { page, goesOn } = halfway
    // It may have been told the end at once.
    if (this.ended && !page.isIn) return
    let isAnew = !goesOn
    if (goesOn) {
      const mayResume = page === this.#last && page.streamId !== undefined
      const resumed = page.resume()
      if (resumed === 'gone') {
        if (mayResume && this.#isUntouched) throw new Broken('a stream cannot go on')
        isAnew = true
      } else if (this.#isConflict(resumed === 'conflict')) return
      else if (!mayResume) throw new Broken('a stream goes on that should not')
      else {
        model.attachSocket(resumeSeconds, bench.clock.now())
        model.handed.push(...(resumed as { numbers: number[] }).numbers)
      }
    }
    if (isAnew) {
      this.#readBefore.push(...page.read)
      if (this.#isConflict(!page.bind())) return
      model.attachSocket(resumeSeconds, bench.clock.now())
    }
    this.#socket = page
    this.#last = page
    this.#hear()
    if (isAnew && !this.ended) page.enable()
    this.#lookForLost()
  }

  /** Whether a page is told that another one came before it; it has to be where there is one. */
  #isConflict(isTold: boolean): boolean {
    if (isTold === (this.#mayGoOn && !this.model.hasCome))
      throw new Broken(isTold ? 'a page must not go on that was let in' : 'a page goes on in spite of another')
    return isTold
  }

  #showWrong(login: Login, token: string): void {
    const page = new SocketPage(this.bench, 0, false)
    if (page.logIn(login, token)) throw new Broken('a wrong token is good')
    page.socket.leave()
  }

  /** What its page sent arrives at the service. */
  #arrive(count: number): void {
    const numbers = this.#live?.arrive(count) ?? []
    if (this.model.outcome === undefined) this.model.forwarded.push(...numbers)
  }

  #stall(): void {
    const page = this.#live
    if (page === undefined) return
    const isBehind = this.model.socket === 'open'
    this.model.socket = isBehind ? 'behind' : 'open'
    if (isBehind) page.socket.bufferedAmount = 1_000_000
    else page.socket.drain()
  }

  /** The server takes nothing for a while, so that no more is read from a page over WebSocket. */
  #beSlow(isSlow: boolean): void {
    const { link } = this.bench
    if (this.model.outcome !== undefined || (isSlow && this.#live === undefined)) return
    link.backlog = isSlow ? 300_000 : 0
    link.events.onDrain()
  }

  /** The connection breaks: the page has read so much more, and so much more has arrived. */
  #cut(read: number, arrived: number): void {
    const page = this.#live
    if (page === undefined) return
    this.#arrive(arrived)
    this.#hear()
    page.take(read)
    this.#losePage(page)
    page.socket.leave()
    this.model.cut(this.bench.clock.now())
  }

  /** What a page may not have got that has no connection any more. */
  #losePage(page: SocketPage): void {
    if (page.streamId === undefined) this.#mayBeLost.push(...page.unread)
    else this.model.sendAgain(page.unacknowledged)
    this.#isUntouched = true
  }

  /** The page over WebSocket is shut out; it may have read so much more. */
  #leaveSocket(read: number): void {
    const page = this.#live
    this.#beSlow(false)
    if (page !== undefined) {
      this.#hear()
      page.take(read)
      this.#losePage(page)
    }
    this.#socket = undefined
  }

  /** Takes note of what the page over WebSocket was sent. */
  #hear(): void {
    const page = this.#socket
    if (page === undefined) return
    this.model.handed.push(...page.look())
    if (new Set(page.read).size !== page.read.length) throw new Broken(`a page read ${page.read}`)
  }

  /** The page over WebSocket gets all there is, and the session goes to one that comes over BOSH. */
  async #finishSocket(): Promise<void> {
    this.#beSlow(false)
    if (this.model.socket === 'behind') this.#stall()
    await this.#settle()
    for (let page = this.#live; page !== undefined && !page.isIdle && !this.ended; page = this.#live) {
      page.take(100)
      this.#arrive(100)
      await this.#settle()
    }
    if (this.ended || this.model.socket === 'none') return
    if (this.model.isResumable) this.#resume(0, 60)
    await this.#settle()
  }

  async #eavesdrop(): Promise<void> {
    if (this.client.sid === undefined || this.#socket !== undefined) return
    const body = `<body rid='${this.client.lastRid + 1}' sid='${this.client.sid}' xmlns='${boshNamespace}'/>`
    const { reply } = await this.bench.send(body, new FakePeer(false))
    if (reply?.status !== 0) throw new Broken(`an eavesdropper gets ${reply?.body}`)
  }

  /** A request that ends the session, and not by a wish. */
  #fault(name: Command['name'], x: number): void {
    const { model, client } = this
    if (client.sid === undefined || this.#socket !== undefined) return
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
    if (performance.now() > this.#until) throw new Broken('it takes for ever')
    const now = this.bench.clock.now()
    for (const copy of this.#answered.splice(0)) {
      const counts = this.model.answer(copy, copy.reply!, now)
      if (counts && !copy.peer.gone && !copy.lossy) copy.made.reply ??= copy.reply!.body
      if (copy.made.rid === firstRid && counts) copy.made.reply ??= copy.reply!.body
    }
    this.client.sid ??= / sid='([^']+)'/.exec(this.model.given.get(firstRid) ?? '')?.[1]
    this.server.look()
    this.#hear()
    if (this.model.hasCome) this.#isUntouched = false
    this.model.check(now, this.ended, this.server.forwarded, this.server.bounced)
    let bytes = 0
    for (const session of this.bench.registry.all()) bytes += waitingBytes(session)
    if (bytes !== this.bench.waiting.bytes)
      throw new Error(`${this.bench.waiting.bytes} bytes are counted, not ${bytes}`)
    if (!this.ended && (this.server.catchUp() || this.server.answerBind())) await this.#settle()
  }
}
