// The XMPP server of a run: it numbers what it sends and remembers what it got.
import { bindNamespace, sasl2Namespace, saslNamespace } from '../../src/xmpp/namespaces.js'
import type { BoshBench } from '../support/bosh-bench.js'
import type { SessionModel } from './model.js'

const jid = 'juliet@chat.example/balcony'
const streamErrors = 'urn:ietf:params:xml:ns:xmpp-streams'

export class ModelServer {
  /** How many stanzas it wanted to send, features among them. */
  stanzas = 0
  /** Numbers of the client's stanzas that came, and of its own that came back. */
  readonly forwarded: number[] = []
  readonly bounced: number[] = []
  /** What cannot be sent while the service does not read. */
  #unread: number[] = []
  #looked = 0
  /** How many streams it has opened. */
  #headers = 0
  #isOver = false

  constructor(
    readonly bench: BoshBench,
    readonly model: SessionModel,
    /** Whether it binds a resource as soon as it lets the client in. */
    readonly sasl2: boolean,
  ) {}

  burst(count: number, atOnce: boolean): void {
    if (this.#isOver || this.#headers === 0) return
    const numbers = Array.from({ length: count }, () => this.stanzas++)
    if (this.bench.link.paused) this.#unread.push(...numbers)
    else this.#send(numbers, atOnce)
  }

  /** Sends what had to wait, a little at a time; false if there is nothing, or the service still does not read. */
  catchUp(): boolean {
    if (this.#unread.length === 0 || this.bench.link.paused || this.#isOver) return false
    this.#send(this.#unread.splice(0, 4), true)
    return true
  }

  /** Opens the stream that the client's side has opened, if there is one. */
  open(): void {
    const { link } = this.bench
    if (this.#isOver || this.#headers > link.restarts.length || this.#unread.length > 0) return
    const isFirst = this.#headers === 0
    this.#headers = link.restarts.length + 1
    const number = this.stanzas++
    this.model.features(number)
    link.open(`<f xmlns='urn:f' id='s${number}'/>`)
    if (isFirst) this.#letIn()
  }

  #letIn(): void {
    const number = this.stanzas++
    if (this.sasl2) {
      this.model.bind(number)
      const told = `<authorization-identifier>${jid}</authorization-identifier>`
      this.bench.link.say(`<success xmlns='${sasl2Namespace}' id='s${number}'>${told}</success>`)
    } else {
      this.model.letIn(number)
      this.bench.link.say(`<success xmlns='${saslNamespace}' id='s${number}'/>`)
    }
  }

  /** Answers the client's request for a resource; false if there is none that it has got. */
  answerBind(): boolean {
    const { bindRequest } = this.model
    if (this.#isOver || bindRequest === undefined || !this.forwarded.includes(bindRequest)) return false
    const number = this.stanzas++
    this.model.answerBind(number)
    this.bench.link.say(
      `<iq xmlns='jabber:client' type='result' id='c${bindRequest}'>` +
        `<bind xmlns='${bindNamespace}'><jid id='s${number}'>${jid}</jid></bind></iq>`,
    )
    return true
  }

  end(how: 'shutDown' | 'streamError' | 'linkLoss'): void {
    if (this.#isOver) return
    this.#isOver = true
    // What the service has not read yet is lost with the connection.
    this.stanzas -= this.#unread.length
    if (how === 'shutDown') {
      this.model.outcome = 'system-shutdown'
      this.bench.manager.shutDown()
      return
    }
    const isError = how === 'streamError'
    const isStream = isError || this.model.boundBy !== undefined
    this.model.outcome = isStream ? 'remote-stream-error' : 'remote-connection-failed'
    const streamError = isError ? `<stream:error><reset xmlns='${streamErrors}'/></stream:error>` : undefined
    this.bench.link.end({ failure: { step: 'features', code: 'remote-connection-failed' }, streamError })
  }

  /** Takes note of what came since the last time. */
  look(): void {
    const { sent } = this.bench.link
    for (; this.#looked < sent.length; this.#looked++) {
      const text = sent[this.#looked]!
      for (const [, number] of text.matchAll(/ id='c(\d+)'/g)) this.forwarded.push(Number(number))
      for (const [, number] of text.matchAll(/ id='s(\d+)'/g)) this.bounced.push(Number(number))
    }
  }

  #send(numbers: readonly number[], atOnce: boolean): void {
    const { events } = this.bench.link
    for (const number of numbers) {
      this.model.stanza(number)
      const text = `<message xmlns='jabber:client' from='s@chat.example' id='s${number}'/>`
      events.onElement({ name: 'message', namespace: 'jabber:client', text })
      if (!atOnce) events.onFlush?.()
    }
    events.onFlush?.()
  }
}
