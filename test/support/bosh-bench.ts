// A connection manager on a workbench: requests go in as text, and the test speaks for the XMPP server.

import { type Logger, pino } from 'pino'
import { type ConnectionManager, createConnectionManager } from '../../src/browsers/bosh/connection-manager.js'
import type { Peer, Reply, Settled } from '../../src/browsers/bosh/peer.js'
import type { TermLimits } from '../../src/browsers/bosh/terms.js'
import type { Config } from '../../src/config/config.js'
import type { UnfinishedBodies } from '../../src/http/bodies/unfinished-bodies.js'
import { Counts } from '../../src/lib/counts.js'
import { MinuteSums } from '../../src/lib/limits/minute-sums.js'
import { createRefusals, type OnRefused } from '../../src/lib/limits/reached-limits.js'
import { refusalLog } from '../../src/lib/limits/refusal-log.js'
import { WaitingMemory } from '../../src/lib/limits/waiting-memory.js'
import { Phase } from '../../src/lib/phase.js'
import { freeMemory } from '../../src/session/limits/freeing-memory.js'
import { UserLimit } from '../../src/session/limits/user-limit.js'
import type { Management, Mending } from '../../src/session/link/mending.js'
import { Opener, type OpenerParts } from '../../src/session/opener.js'
import { Registry } from '../../src/session/registry/registry.js'
import type { CommonParts } from '../../src/session/session-keeper.js'
import { sessionLog } from '../../src/session/session-log.js'
import type { Handover, Open, OpenLogin } from '../../src/session/session-types.js'
import { hashOf, idOf } from '../../src/session/sid.js'
import { processIn } from '../../src/store/process-name.js'
import type { TabKey } from '../../src/store/store.js'
import type { Link, LinkEnd, LinkEvents, Resumption, StreamOptions } from '../../src/xmpp/link.js'
import {
  bindNamespace,
  sasl2Namespace,
  saslNamespace,
  smNamespace,
  streamsNamespace,
} from '../../src/xmpp/namespaces.js'
import type { Cookie } from '../../src/xmpp/page-binding.js'
import { readElement } from '../../src/xmpp/xml/document.js'
import type { Element } from '../../src/xmpp/xml/element.js'
import { sessionsIn } from './bench-sessions.js'
import { element } from './element.js'
import { FakeClock } from './fake-clock.js'
import { bodiesOf, noLoginLimits, noSessionLimits } from './unlimited.js'

export const boshNamespace = 'http://jabber.org/protocol/httpbind'

/** The server's side of a link that exists only in the test. */
export class FakeLink implements Link {
  readonly sent: string[] = []
  readonly restarts: Partial<StreamOptions>[] = []
  closed = false
  how: 'close' | 'abandon' | 'timeOut' | 'cut' | undefined
  paused = false
  backlog = 0
  unfinishedBytes = 0
  allowsManagement = true
  isBetweenElements = true
  facts = { encrypted: true, plainAllowed: true }

  constructor(
    readonly domain: string,
    readonly options: StreamOptions,
    public events: LinkEvents,
  ) {}

  send(elements: readonly Element[]): void {
    this.sent.push(elements.map(({ text }) => text).join(''))
  }

  restart(options: Partial<StreamOptions>): void {
    this.restarts.push(options)
  }

  readonly close = () => this.#closed('close')
  readonly abandon = () => this.#closed('abandon')
  readonly timeOut = () => this.#closed('timeOut')
  readonly cut = () => this.#closed('cut')

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }

  #closed(how: NonNullable<typeof this.how>): void {
    this.closed = true
    this.how ??= how
  }

  open(
    features = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-1</mechanism></mechanisms>",
  ): void {
    this.events.onOpen?.({ id: 'stream-1', from: this.domain })
    this.say(`<stream:features xmlns:stream='${streamsNamespace}'>${features}</stream:features>`)
  }

  /** The server accepts the client's SASL2 login, and sends its JID. */
  bind(jid = 'juliet@chat.example/balcony'): void {
    const told = `<authorization-identifier>${jid}</authorization-identifier><bound xmlns='urn:xmpp:bind:0'/>`
    this.say(`<success xmlns='${sasl2Namespace}'>${told}</success>`)
  }

  /** The server accepts the client's SASL login. */
  letIn(): void {
    this.say(`<success xmlns='${saslNamespace}'/>`)
  }

  answerBind(id = 'b', jid = 'juliet@chat.example/balcony'): void {
    this.say(
      `<iq xmlns='jabber:client' type='result' id='${id}'><bind xmlns='${bindNamespace}'><jid>${jid}</jid></bind></iq>`,
    )
  }

  /** The server sends this element, whatever it is. */
  say(text: string): void {
    const { name, namespace } = readElement(text).root
    this.receive({ name, namespace, text })
  }

  receive(...elements: (Element | string)[]): void {
    for (const each of elements) this.events.onElement(typeof each === 'string' ? element(each) : each)
    this.events.onFlush?.()
  }

  end(end: LinkEnd): void {
    this.events.onEnd(end)
  }
}

export class FakePeer {
  readonly secureUrl: string | undefined = undefined
  mayBeLate = false
  gone = false
  whenGone: (() => void) | undefined
  /** Why no session was created, for people. It is taken out of the reply. */
  sentence: string | undefined
  /** False if the test tells what has become of its reply, by `settle`. */
  settlesAtOnce = true
  settle: Settled | undefined

  constructor(
    readonly secure = true,
    readonly address = '192.0.2.1',
    readonly cookies: string | undefined = undefined,
  ) {}

  leave(): void {
    this.gone = true
    this.whenGone?.()
  }

  /** The client behind one of its requests, whose reply goes to `answer`. */
  behindRequest(answer: (reply: Reply) => void): Peer {
    const peer = this
    const { secure, address, secureUrl, mayBeLate } = this
    return {
      ...{ secure, address, secureUrl, mayBeLate },
      answer(reply, settled) {
        peer.settle = settled
        if (peer.settlesAtOnce) queueMicrotask(() => settled?.(true))
        const [whole, sentence] = /><text>([^<]+)<\/text><\/body>$/.exec(reply.body) ?? []
        peer.sentence = sentence
        answer(whole === undefined ? reply : { ...reply, body: reply.body.replace(whole, '/>') })
      },
      get cookies() {
        return peer.cookies
      },
      get gone() {
        return peer.gone
      },
      set whenGone(listener: (() => void) | undefined) {
        peer.whenGone = listener
      },
    }
  }
}

/** A login of this process, as far as its session sees it. */
export class FakeLogin implements LinkEvents {
  opening!: OpenLogin
  readonly received: Element[] = []
  end: LinkEnd | undefined

  onElement(element: Element): void {
    this.received.push(element)
  }

  onEnd(end: LinkEnd): void {
    if (this.end !== undefined) throw new Error('it was told twice')
    this.end = end
  }
}

export interface WarmedSession extends Handover {
  readonly jid: string
  readonly undelivered: readonly Element[]
  /** Whether its stream is managed (XEP-0198), and how a link that breaks is mended. */
  readonly management: Management | undefined
}

/** Logins of a user whose link has broken. The test says what becomes of each. */
export class FakeMending implements Mending {
  readonly record = () => 'again'
  /** Oldest first. */
  readonly attempts: {
    readonly caller: AbortSignal
    begin(): void
    readonly resumption: Resumption
    /** With an answer if SASL2 resumed the stream, and what came behind it. */
    succeed(answer?: Element, ...missed: readonly Element[]): FakeLink
    fail(error: unknown): void
  }[] = []
  /** Attempts wait until `begin`. */
  isBusy = false
  wiped = 0

  /** In milliseconds. */
  constructor(readonly longest = 60_000) {}

  readonly logInAgain: Mending['logInAgain'] = (caller, { onBegin: begin }, resumption) => {
    if (!this.isBusy) begin()
    return new Promise((resolve, reject) => {
      const succeed = (answer?: Element, ...missed: readonly Element[]) => {
        const link = new FakeLink('chat.example', { lang: 'en' }, new FakeLogin())
        resolve({ link, answer, missed })
        return link
      }
      this.attempts.push({ caller, begin, resumption, succeed, fail: reject })
    })
  }

  wipe(): void {
    this.wiped += 1
  }
}

export interface Exchanged {
  readonly peer: FakePeer
  reply: Reply | undefined
}

type SessionOptions = Pick<CommonParts, 'processName' | 'limits' | 'byteRate' | 'serverMilliseconds'>

export interface BenchOptions extends Partial<SessionOptions & Pick<OpenerParts, 'tellEvent'>> {
  readonly issuesTickets?: boolean
  readonly maxQueueElements?: number
  readonly requireSecure?: boolean
  readonly defaultDomain?: string
  readonly connect?: () => never
  /** How many logins may be refused to an address in a minute. Default: any number. The proxy is at 10.0.0.1. */
  readonly loginsPerAddress?: number
  readonly userLimit?: (registry: Registry, refused: OnRefused) => UserLimit
  /** Memory for requests that wait for their turn, in MiB; no limit unless given. */
  readonly unfinishedMegabytes?: number
  /** Memory for stanzas that wait, in bytes; no limit unless given. */
  readonly mostWaiting?: number
}

const usualTerms: TermLimits = { maxWait: 60, maxRequests: 2, inactivity: 150, enforcePolling: false }

export class BoshBench {
  readonly clock = new FakeClock()
  readonly phase = new Phase()
  readonly registry = new Registry(this.clock, this.phase)
  readonly sessions = sessionsIn(this)
  readonly counts = new Counts()
  readonly sums = new MinuteSums(this.clock)
  readonly links: FakeLink[] = []
  readonly refusals: { reason: string; address: string | undefined; setting: string | undefined }[] = []
  readonly logged: string[] = []
  /** Domains of links that were given up, and why. */
  readonly unmended: (readonly [domain: string, why: string])[] = []
  readonly audited: Record<string, unknown>[] = []
  readonly common: CommonParts
  readonly opener: Opener
  readonly userLimit: UserLimit
  readonly refused: OnRefused
  readonly log: Logger
  readonly manager: ConnectionManager & {
    readonly exchange: (body: string, peer: FakePeer) => Promise<Reply>
    readonly shutDown: () => void
  }
  readonly bodies: UnfinishedBodies
  readonly waiting: WaitingMemory
  readonly #open: Open

  constructor(
    terms: Partial<TermLimits> = {},
    readonly domains: readonly string[] = ['chat.example'],
    about: BenchOptions = {},
  ) {
    const log = pino({ level: 'info' }, { write: line => void this.logged.push(line) })
    const refused = createRefusals(this.counts, this.sums, log)
    this.refused = refused
    this.waiting = new WaitingMemory(about.mostWaiting, () =>
      freeMemory(this.registry.all(), this.waiting, ({ id }) => refused('waiting', { session: id })),
    )
    const limits = about.limits ?? noSessionLimits()
    this.log = log
    this.userLimit =
      about.userLimit?.(this.registry, refused) ?? new UserLimit({ most: 0, registry: this.registry, refused })
    this.common = {
      clock: this.clock,
      processName: about.processName,
      counts: this.counts,
      maxStanzaBytes: 262_144,
      refused,
      serverMilliseconds: about.serverMilliseconds,
      mostElements: about.maxQueueElements,
      waiting: this.waiting,
      byteRate: about.byteRate ?? { sessionBytes: 0, sessionBurst: 0 },
      connect: (domain, options, events) => {
        about.connect?.()
        const link = new FakeLink(domain, options, events)
        this.links.push(link)
        return link
      },
      unmended: (domain, why) => void this.unmended.push([domain, why]),
      registry: this.registry,
      limits,
      loginDelays: noLoginLimits({
        rates: { loginsPerAddress: about.loginsPerAddress ?? 0 },
        trustedProxies: { hasProxy: address => address === '10.0.0.1' },
        counts: this.counts,
        refused,
        clock: this.clock,
        audit: pino({ base: null, timestamp: false }, { write: line => void this.audited.push(JSON.parse(line)) }),
      }),
      userLimit: this.userLimit,
      log: sessionLog(part => (part === 'websocket' ? log.child({ part }) : log), this.sums, this.counts),
    }
    this.opener = new Opener({
      common: this.common,
      config: {
        domains,
        retiredDomains: ['gone.example'],
        websocket: { enabled: about.issuesTickets === true },
      } as unknown as Config,
      tellEvent: about.tellEvent,
    })
    this.bodies = bodiesOf(about.unfinishedMegabytes ?? 0, undefined, refused)
    const refusals = pino(
      { base: null, timestamp: false, level: 'debug' },
      {
        write: line => {
          const { reason, address, setting } = JSON.parse(line)
          this.refusals.push({ reason, address, setting })
        },
      },
    )
    const { requireSecure = false } = about
    const manager = createConnectionManager({
      common: this.common,
      opener: this.opener,
      bodies: this.bodies,
      noteRefusal: refusalLog(this.sums, refusals, 'a client was refused'),
      config: { bosh: { ...usualTerms, ...terms, defaultDomain: about.defaultDomain }, requireSecure } as Config,
      cookies: () => ({ path: '/http-bind', secure: false }),
      lastRid: () => 700,
    })
    this.#open = this.opener.forLogins(manager.makePageClient)
    this.manager = {
      ...manager,
      // Replies that are given in one turn reach the test in the order they were given in.
      exchange: (body, peer) =>
        new Promise(resolve => {
          manager.serve(
            body,
            peer.behindRequest(reply => queueMicrotask(() => resolve(reply))),
          )
        }),
      shutDown: () => this.registry.shutDown(),
    }
  }

  /** A bench with a session; see the method of this name. The same goes for `welcome` and `warmed`. */
  static async session(...about: Parameters<BoshBench['session']>) {
    const bench = new BoshBench()
    return { bench, client: await bench.session(...about) }
  }

  static async welcome(attributes?: string) {
    const bench = new BoshBench()
    return { bench, client: await bench.welcome(attributes) }
  }

  static async warmed(...about: Parameters<BoshBench['warmed']>) {
    const bench = new BoshBench()
    return { bench, client: await bench.warmed(...about) }
  }

  get link(): FakeLink {
    return this.links.at(-1)!
  }

  /** Sends a body and lets everything happen that needs no time. */
  async send(body: string, peer = new FakePeer()): Promise<Exchanged> {
    const exchanged: Exchanged = { peer, reply: undefined }
    void this.manager.exchange(body, peer).then(reply => {
      exchanged.reply = reply
    })
    await settled()
    return exchanged
  }

  /** Lets time pass, and everything happen that comes of it. */
  async pass(seconds: number): Promise<void> {
    this.clock.advance(seconds * 1000)
    await settled()
  }

  /** The server does something, and everything happens that comes of it. */
  async server(act: (link: FakeLink) => void): Promise<void> {
    act(this.link)
    await settled()
  }

  /**
   * A session whose stream is open, and whose client has sent its login. `rid` is the rid of the creation request.
   * `link.sent` does not contain the login.
   */
  async session(
    attributes = "wait='60' hold='1' ver='1.6'",
    rid = 700,
    peer = new FakePeer(),
    login = authenticate,
  ): Promise<Client> {
    const creation = await this.send(create(attributes, rid, login), peer)
    await this.server(link => link.open())
    this.link.sent.length = 0
    const sid = /sid='([^']+)'/.exec(creation.reply?.body ?? '')?.[1]
    if (sid === undefined) throw new Error(`no session: ${creation.reply?.body}`)
    return new Client(this, sid, rid, this.link, undefined, creation)
  }

  /** A session whose client has read `<success/>`, and may restart its stream. */
  async welcome(attributes?: string): Promise<Client> {
    const client = await this.session(attributes, 700, new FakePeer(), auth)
    await this.server(link => link.letIn())
    await client.next()
    return client
  }

  /** Opens a session for a login of this process. Throws where that is refused. */
  login(attributes = '', domain = 'chat.example', tab?: TabKey): FakeLogin {
    const value = (name: string) => new RegExp(` ${name}='([^']*)'`).exec(` ${attributes}`)?.[1]
    const login = new FakeLogin()
    login.opening = this.#open(
      domain,
      {
        jid: value('jid'),
        lang: value('xml:lang') ?? 'en',
        wait: Number(value('wait') ?? 60),
        hold: Number(value('hold') ?? 1),
        ver: value('ver') ?? '1.6',
        tab,
      },
      login,
    )
    return login
  }

  /** A session that a login of this process has opened, for a browser. */
  async warmed(about: Partial<WarmedSession> = {}, attributes?: string): Promise<Client> {
    const login = this.login(attributes)
    await this.server(link => link.open())
    return this.handOver(login, about)
  }

  async handOver({ opening }: FakeLogin, about: Partial<WarmedSession> = {}): Promise<Client> {
    const { jid = 'juliet@chat.example/balcony', undelivered = [], seconds = 120, attachBinding = 'off' } = about
    const link = opening.link as FakeLink
    link.sent.length = 0
    const binding = await opening.handOver(jid, undelivered, { seconds, attachBinding }, about.management)
    if (binding === undefined) throw new Error('it cannot be handed out')
    const { sid, rid, cookie, token } = binding
    if (about.management === undefined) link.sent.length = 0
    return new Client(this, sid, rid - 1, link, cookie, undefined, token)
  }

  async resume({ sid, link }: Client, handover: Partial<Handover> = {}): Promise<Client> {
    const resumed = this.registry.bySid(sid)?.resume({ seconds: 120, attachBinding: 'off', ...handover })
    await settled()
    if (resumed === undefined) throw new Error('it cannot be resumed')
    return new Client(this, sid, resumed.rid - 1, link, resumed.cookie, undefined, resumed.token)
  }
}

/** A client that counts its rids. */
export class Client {
  constructor(
    readonly bench: BoshBench,
    readonly sid: string,
    public rid: number,
    readonly link: FakeLink,
    public cookie?: Cookie | undefined,
    /** Of a session that the client has created. */
    readonly creation: Exchanged = { peer: new FakePeer(), reply: undefined },
    /** By which its page may come over WebSocket. */
    readonly token: string | undefined = undefined,
  ) {}

  get id(): string {
    const name = processIn(this.sid)
    return name === undefined ? hashOf(this.sid) : idOf(this.sid.slice(name.length + 1), name)
  }

  next(inner = '', attributes = '', peer?: FakePeer): Promise<Exchanged> {
    this.rid += 1
    return this.at(this.rid, inner, attributes, peer)
  }

  at(rid: number, inner = '', attributes = '', peer?: FakePeer): Promise<Exchanged> {
    return this.bench.send(request(this.sid, rid, inner, attributes), peer)
  }
}

/** What a server that counts stanzas (XEP-0198) offers after the login. */
export const features: Element = {
  name: 'features',
  namespace: streamsNamespace,
  text: `<stream:features xmlns:stream='${streamsNamespace}'><sm xmlns='${smNamespace}'/></stream:features>`,
}

/** Asks to be let in and bound at once (XEP-0388, XEP-0386). */
export const authenticate = `<authenticate xmlns='${sasl2Namespace}' mechanism='PLAIN'><bind xmlns='urn:xmpp:bind:0'/></authenticate>`
/** Asks to be let in (RFC 6120 §6.4.2). */
export const auth = `<auth xmlns='${saslNamespace}' mechanism='SCRAM-SHA-1'>biwsbj1qdWxpZXQscj1v</auth>`

/** Opens the stream again (XEP-0206 §5). */
export const restart = "xmpp:restart='true' xmlns:xmpp='urn:xmpp:xbosh'"

/** Asks for a resource (RFC 6120 §7.6). */
export function bindRequest(id = 'b', attributes = ''): string {
  return `<iq xmlns='jabber:client' type='set' id='${id}' ${attributes}><bind xmlns='${bindNamespace}'/></iq>`
}

export function body(attributes: string, inner = ''): string {
  return `<body ${attributes} xmlns='${boshNamespace}'>${inner}</body>`
}

export function create(attributes = "wait='60' hold='1' ver='1.6'", rid: number | string = 700, inner = ''): string {
  return body(`rid='${rid}' to='chat.example' ${attributes}`, inner)
}

export function request(sid: string, rid: number | string, inner = '', attributes = ''): string {
  return body(`rid='${rid}' sid='${sid}' ${attributes}`, inner)
}

export function message(text: string): string {
  return `<message xmlns='jabber:client'><body>${text}</body></message>`
}

export const empty = `<body xmlns='${boshNamespace}'/>`
export const errorReply = `<body type='error' xmlns='${boshNamespace}'/>`
export const ended = `<body type='terminate' xmlns='${boshNamespace}'/>`

export function terminated(condition: string): string {
  return `<body type='terminate' condition='${condition}' xmlns='${boshNamespace}'/>`
}

export function payload(...stanzas: string[]): string {
  return `<body xmlns='${boshNamespace}'>${stanzas.join('')}</body>`
}

/** The server hangs up. */
export const lost = { failure: { step: 'features', code: 'remote-connection-failed' } } as const

function settled(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
