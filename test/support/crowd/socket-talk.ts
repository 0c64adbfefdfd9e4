// A page over WebSocket. It attaches with a token. After a cut, its backend resumes the session by its id, and the page
// resumes its stream (XEP-0198).
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { goodNetwork, type Network, type TalkBinding, type TalkEvents } from './talk.js'

const framing = 'urn:ietf:params:xml:ns:xmpp-framing'
const management = 'urn:xmpp:sm:3'
/** Milliseconds of silence after which the page sends `<r/>`. */
const quietMilliseconds = 3_000
/** After so many stanzas it asks which of them have arrived. */
const askAfter = 5

/** Calls the backend, which resumes the session. Resolves with undefined if the session has ended. */
type Resume = () => Promise<TalkBinding | undefined>

export class SocketTalk {
  readonly #events: TalkEvents
  readonly #resume: Resume
  readonly #network: Network
  #binding: TalkBinding
  #socket: WebSocket | undefined
  #step: 'login' | 'features' | 'binding' | 'enabling' | 'resuming' | 'open' = 'login'
  #isIn = false
  #isOver = false
  #isComingBack = false
  /** The id with which the stream is resumed. Undefined before `<enabled/>`. */
  #management: string | undefined
  #received = 0
  #acknowledged = 0
  #unacknowledged: string[] = []
  #heardAt = 0
  /** When the open `<r/>` was sent. Undefined if none is open. */
  #askedAt: number | undefined
  readonly #watching: NodeJS.Timeout

  constructor(binding: TalkBinding, resume: Resume, events: TalkEvents, network = goodNetwork) {
    this.#network = network
    this.#binding = binding
    this.#resume = resume
    this.#events = events
    this.#watching = setInterval(() => this.#watch(), 500)
  }

  begin(): void {
    this.#connect()
  }

  say(stanza: string): void {
    this.#unacknowledged.push(stanza)
    if (this.#step !== 'open') return
    this.#send(stanza)
    if (this.#unacknowledged.length % askAfter === 0) this.#send(`<r xmlns='${management}'/>`)
  }

  /** Resolves when all that was said has arrived. */
  async settle(): Promise<void> {
    while (this.#unacknowledged.length > 0 && !this.#isOver) {
      if (this.#step === 'open') this.#send(`<r xmlns='${management}'/>`)
      await sleep(this.#network.again / 10)
    }
  }

  drop(): void {
    this.#isOver = true
    clearInterval(this.#watching)
    this.#socket?.terminate()
  }

  #connect(): void {
    const { url, token } = this.#binding.websocket
    this.#step = 'login'
    this.#isIn = false
    this.#heardAt = performance.now()
    this.#askedAt = undefined
    const socket = new WebSocket(url, 'xmpp', { perMessageDeflate: false })
    this.#socket = socket
    const lifetime = this.#network.lifetime(0)
    if (lifetime < Number.POSITIVE_INFINITY) setTimeout(() => socket.terminate(), lifetime)
    const open = `<open xmlns='${framing}' to='localhost' version='1.0'/>`
    socket.on('open', () => socket.send(open))
    socket.on('message', data => {
      if (socket !== this.#socket || this.#isOver) return
      this.#heardAt = performance.now()
      this.#askedAt = undefined
      this.#read(String(data), open, token)
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      if (socket === this.#socket) void this.#comeBack()
    })
  }

  #read(message: string, open: string, token: string): void {
    if (/^(open|enabling)$/.test(this.#step) && /^<(message|presence|iq)[ />]/.test(message)) {
      if (this.#step === 'open') this.#received += 1
      this.#events.heard(message)
    } else if (message.startsWith('<r ')) this.#send(`<a xmlns='${management}' h='${this.#received}'/>`)
    else if (message.startsWith('<a ')) this.#arrived(message)
    else if (message.includes('features')) {
      if (!this.#isIn) {
        const plain = Buffer.from(`\0${this.#binding.jid.split('@')[0]}\0${token}`).toString('base64')
        this.#send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${plain}</auth>`)
      } else if (this.#management === undefined) this.#bind()
      else {
        this.#step = 'resuming'
        this.#send(`<resume xmlns='${management}' previd='${this.#management}' h='${this.#received}'/>`)
      }
    } else if (message.startsWith('<success')) {
      this.#isIn = true
      this.#send(open)
    } else if (message.startsWith('<failure')) {
      this.#events.odd(`login: ${message.slice(0, 200)}`)
      this.#socket?.terminate()
    } else if (this.#step === 'binding' && message.includes("id='bind'")) {
      this.#step = 'enabling'
      this.#send(`<enable xmlns='${management}' resume='true'/>`)
    } else if (message.startsWith('<enabled')) {
      this.#management = /id='([^']+)'/.exec(message)?.[1]
      this.#goOn()
    } else if (message.startsWith('<resumed')) {
      this.#arrived(message)
      this.#goOn()
    } else if (message.startsWith('<close')) {
      this.#send(`<close xmlns='${framing}'/>`)
      this.#socket?.close()
    } else if (message.startsWith('<failed')) {
      this.#events.odd(`a stream was not resumed: ${message.slice(0, 200)}`)
      this.#received = 0
      this.#acknowledged = 0
      this.#bind()
    }
  }

  #bind(): void {
    this.#step = 'binding'
    this.#send("<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
  }

  #goOn(): void {
    this.#step = 'open'
    for (const stanza of this.#unacknowledged) this.#send(stanza)
    this.#events.ready()
  }

  #arrived(message: string): void {
    const count = Number(/h='(\d+)'/.exec(message)?.[1])
    this.#unacknowledged.splice(0, count - this.#acknowledged)
    this.#acknowledged = count
  }

  #send(text: string): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(text)
  }

  #watch(): void {
    if (this.#isComingBack) return
    const now = performance.now()
    if (this.#askedAt !== undefined || this.#step !== 'open') {
      if (now - (this.#askedAt ?? this.#heardAt) > this.#network.patience) void this.#comeBack()
    } else if (now - this.#heardAt > quietMilliseconds) {
      this.#askedAt = now
      this.#send(`<r xmlns='${management}'/>`)
    }
  }

  async #comeBack(): Promise<void> {
    if (this.#isOver || this.#isComingBack) return
    this.#isComingBack = true
    const before = this.#socket
    this.#socket = undefined
    before?.terminate()
    await sleep(this.#network.again)
    const binding = this.#isOver ? undefined : await this.#resume()
    if (this.#isOver) return
    this.#isComingBack = false
    if (binding === undefined) {
      this.drop()
      this.#events.gone('session-not-found')
      return
    }
    this.#binding = binding
    this.#connect()
  }
}
