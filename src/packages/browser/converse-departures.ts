import type { ConverseConnection, PrivateConverse } from './converse-types.js'
import { Departures, idOf, isUnconfirmed } from './departures.js'
import { ping } from './link-state.js'
import { nickOf, removeForbidden } from './message.js'
import { randomName } from './page-memory.js'
import { longestFailure } from './request-retries.js'
import { newElement } from './written-xml.js'

/** Messages of Converse, which alone drops stanzas without a connection. */
export class ConverseDepartures extends Departures {
  readonly #api: PrivateConverse['api']
  readonly #send: PrivateConverse['api']['send']
  readonly #nickname: string | undefined
  #isOverSocket = false
  /** Converse takes messages, and repeats over WebSocket what it sends: it has read `<enabled/>`. */
  #isReady = false
  /** Converse sends what the last WebSocket may have lost. These stanzas must come first, and in their order. */
  isResuming = false
  /** Stream management has begun. */
  isCounted = false
  /** Ids of stanzas that the service has not acknowledged over the last WebSocket. */
  #unacked: readonly (string | null)[] = []
  #isAsking = false
  #connections = 0

  constructor(api: PrivateConverse['api'], nickname: string | undefined) {
    super([], [], () => {})
    this.#api = api
    this.#send = api.send
    this.#nickname = nickname
    api.send = stanza => this.#sendOrKeep('tree' in stanza ? stanza.tree() : stanza)
  }

  get isReady(): boolean {
    return this.#isReady
  }

  /** The last connection may have lost stanzas, and there may be a next one. */
  broken(): void {
    this.#connections += 1
    this.#isReady = this.isResuming = this.#isAsking = false
  }

  opens(isOverSocket: boolean, session: PrivateConverse['state']['session']): void {
    this.broken()
    this.#isOverSocket = isOverSocket
    this.isCounted = false
    // Without a stream, Converse has forgotten what the last WebSocket may have lost.
    if (session.get('smacks_stream_id')) this.#unacked = (session.get('unacked_stanzas') ?? []).map(idOf)
    if (!isOverSocket) this.takeBackUnacked()
  }

  /** Converse will not send them again. Some may have arrived. */
  takeBackUnacked(): void {
    this.lost(id => this.#unacked.includes(id))
    this.#unacked = []
  }

  begin(): void {
    this.#isReady = true
    const unsent = this.unsent()
    if (this.#isOverSocket) this.arrived()
    for (const message of unsent) this.#give(message)
  }

  /** After the answer, the XMPP server also receives messages. */
  askServer(connection: ConverseConnection): void {
    if (this.#isAsking || !this.#isReady) return
    this.#isAsking = true
    const mine = this.#connections
    const answered = (answer: Element | null) => {
      if (mine !== this.#connections) return
      this.#isAsking = false
      if (!answer) this.askServer(connection)
      else if (!isUnconfirmed(answer)) this.begin()
    }
    const question = ping(connection.domain!, randomName())
    connection.sendIQ(question, answered, answered, longestFailure)
    // The service counts it, so Converse must count it too.
    this.#api.trigger('send', question)
  }

  #sendOrKeep(stanza: Element): void {
    removeForbidden(stanza)
    const isChat = stanza.getAttribute('type') === 'chat' && stanza.id && stanza.getElementsByTagName('body')[0]
    if (!isChat) {
      this.#send(stanza)
      return
    }
    // What Converse sends again has it.
    if (this.#nickname && !this.isResuming) stanza.append(nickOf(this.#nickname))
    const isGiven = this.#isReady || this.isResuming
    this.add(stanza, isGiven, isGiven && this.#isOverSocket)
    if (isGiven) this.#give(stanza)
  }

  #give(message: Element): void {
    this.#send(message)
    // Converse alone asks only after five stanzas.
    if (this.isCounted) this.#send(newElement('r', { xmlns: 'urn:xmpp:sm:3' }))
  }
}
