import type { ConverseConnection, PrivateConverse } from './converse-types.js'
import { addressOf, Departures, idOf, isUnconfirmed, type Outgoing, readStanza, tooLong } from './departures.js'
import { ping } from './link-state.js'
import { bareJid, nickOf, removeForbidden } from './message.js'
import { randomName } from './page-memory.js'
import { longestFailure } from './request-retries.js'
import { newElement, newStanza } from './written-xml.js'

const xmlns = 'urn:ietf:params:xml:ns:xmpp-stanzas'

/** Messages of Converse, which alone drops stanzas without a connection. */
export class ConverseDepartures extends Departures {
  readonly #converse: PrivateConverse
  readonly #send: PrivateConverse['api']['send']
  readonly #nickname: string | undefined
  #isOverSocket = false
  /** Converse takes messages, and repeats over WebSocket what it sends: it has read `<enabled/>`. */
  isReady = false
  /** Converse sends what the last WebSocket may have lost. These stanzas must come first, and in their order. */
  isResuming = false
  /** Stream management has begun, for what follows `<enable/>` or `<resumed/>`. */
  isCounted = false
  /** What the service has not acknowledged over WebSocket. Converse does not count all that it sends. */
  #unacked: readonly string[] | undefined
  #handled = 0
  #isAsking = false
  #isLoggedIn = false
  #connections = 0
  #connection: ConverseConnection | undefined

  constructor(converse: PrivateConverse, nickname: string | undefined, outgoing: readonly Outgoing[]) {
    super(outgoing, [])
    const { api } = converse
    this.#converse = converse
    this.#send = api.send
    this.#nickname = nickname
    api.send = stanza => this.#sendOrKeep('tree' in stanza ? stanza.tree() : stanza)
  }

  /** Converse makes a new one after a logout. */
  get #session() {
    return this.#converse.state.session
  }

  override clear(): void {
    super.clear()
    this.#unacked = []
  }

  /** A later page of the tab, which has got `given`, leaves `outgoing`, and what Converse has counted and stored. */
  async reread(outgoing: readonly Outgoing[], given: readonly Outgoing[] = []): Promise<void> {
    // What the user sends meanwhile waits.
    this.broken()
    const wasGiven = ({ id }: Outgoing) => given.some(each => each.id === id)
    // A full storage takes only the first messages. The rids of the later page are higher, and say nothing of these.
    const others = this.outgoing.filter(each => !wasGiven(each)).map(({ id, xml }) => ({ id, xml }))
    this.replace([...outgoing.filter(wasGiven), ...others, ...outgoing.filter(each => !wasGiven(each))], [])
    if (this.#unacked) await new Promise<void>(done => this.#session.fetch({ success: done, error: done }))
    this.#unacked = undefined
    this.isCounted = false
  }

  /** The last connection may have lost stanzas, and there may be a next one. */
  broken(): void {
    this.#connections += 1
    this.isReady = this.#isLoggedIn = this.isResuming = this.#isAsking = false
  }

  /** `heard`: when the last connection was heard. */
  opens(connection: ConverseConnection, isOverSocket: boolean, heard: number): void {
    this.broken()
    this.#connection = connection
    this.#isOverSocket = isOverSocket
    this.isCounted = false
    if (!this.#unacked) {
      this.#unacked = this.#session.get('unacked_stanzas') ?? []
      this.#handled = this.#session.get('num_stanzas_handled_by_server') ?? 0
      // The page before has sent them, before the user typed what waits now.
      const sent = this.#unacked.map(xml => ({ id: idOf(xml)!, xml })).filter(outgoing => isChat(readStanza(outgoing)))
      const waiting = this.outgoing.filter(({ id }) => !sent.some(each => each.id === id))
      this.replace(waiting, sent)
    }
    if (!isOverSocket) this.takeBackUnacked()
    const { send } = connection
    connection.send = stanza => {
      const element = 'tree' in stanza ? stanza.tree() : stanza
      if (element.localName === 'enable') {
        this.isCounted = true
        this.#unacked = []
        this.#handled = 0
      } else if (this.isCounted && connection === this.#connection && /^(iq|message|presence)$/.test(element.localName))
        this.#unacked = [...this.#unacked!, new XMLSerializer().serializeToString(element)]
      askFrom(heard, element)
      send.call(connection, element)
    }
  }

  /** The next page gets what Converse does not count. */
  leave(): void {
    if (this.#unacked)
      this.#session.save({ unacked_stanzas: this.#unacked, num_stanzas_handled_by_server: this.#handled })
  }

  /** Call this before Converse takes `<a/>` or `<resumed/>`. After `<resumed/>`, it sends all again. */
  acknowledged(answer: Element): void {
    this.#session.save({ unacked_stanzas: this.#unacked })
    // Without a number, Converse would never count again.
    if (!/^\d+$/.test(answer.getAttribute('h')!)) answer.setAttribute('h', String(this.#handled))
    const handled = Number(answer.getAttribute('h'))
    this.#unacked = answer.localName === 'a' ? this.#unacked!.slice(Math.max(0, handled - this.#handled)) : []
    this.#handled = handled
  }

  /** The server does not count: nothing is acknowledged, nor sent again. */
  refused(): void {
    this.isCounted = false
    this.#unacked = []
  }

  /** Converse will not send them again. Some may have arrived. */
  takeBackUnacked(): void {
    const unknown = this.takeOver(this.#unacked!.map(stanza => ({ stanza })))
    this.#unacked = []
    // Converse sends retractions past this module.
    for (const { stanza } of unknown) {
      const retraction = readStanza({ xml: stanza })
      if (isChat(retraction)) this.add(retraction)
    }
  }

  attached(): void {
    this.#isLoggedIn = true
    this.isResuming = false
    // Otherwise, Converse would resume its stream only once, and forget what the connection may lose.
    this.#session.save({ smacks_resumed: false })
    // The next page would send it again.
    if (!this.#isOverSocket) this.#session.save({ unacked_stanzas: [] })
  }

  begin(): void {
    this.isReady = true
    const unsent = this.unsent()
    if (this.#isOverSocket) this.arrived()
    for (const message of unsent) this.#give(message)
  }

  /** Converse shows the failure as it shows an error of the server. */
  override failTooLong(): Outgoing | undefined {
    const failed = super.failTooLong()
    if (!failed) return undefined
    const { id } = failed
    const from = addressOf(failed)
    const [condition, text] = tooLong
    const why = [newElement(condition, { xmlns }), newElement('text', { xmlns }, text)]
    const error = newStanza('message', { type: 'error', id, from }, newElement('error', { type: 'modify' }, ...why))
    void this.#converse.state.chatboxes.get(bareJid(from))?.handleErrorMessageStanza?.(parsed(error))
    return failed
  }

  /** After the answer, the XMPP server also receives messages. */
  askServer(connection: ConverseConnection): void {
    if (this.#isAsking || !this.isReady) return
    this.#isAsking = true
    const mine = this.#connections
    const answered = (answer: Element | null) => {
      if (mine !== this.#connections) return
      this.#isAsking = false
      if (!answer) this.askServer(connection)
      else if (!isUnconfirmed(answer)) this.begin()
    }
    connection.sendIQ(ping(connection.domain!, randomName()), answered, answered, longestFailure)
  }

  #sendOrKeep(stanza: Element): void {
    removeForbidden(stanza)
    // What has come back is sent first.
    const isGiven = this.isResuming || (this.isReady && !this.#isAsking)
    if (!isChat(stanza)) {
      // During a login, the service refuses what users do meanwhile, such as typing.
      if (this.#isLoggedIn || this.isResuming || stanza.getAttribute('type') !== 'chat') this.#send(stanza)
      return
    }
    // What Converse sends again has it.
    if (this.#nickname && !this.isResuming && stanza.getAttribute('type') === 'chat')
      stanza.append(parsed(nickOf(this.#nickname)))
    this.add(stanza, isGiven, isGiven && this.#isOverSocket)
    if (isGiven) this.#give(stanza)
  }

  #give(message: Element): void {
    // If the message has waited, this is the JID of an earlier session, and the server would end the stream.
    message.removeAttribute('from')
    this.#send(message)
    // Converse alone asks only after five stanzas.
    if (this.isCounted) this.#send(newElement('r', { xmlns: 'urn:xmpp:sm:3' }))
  }
}

/** Converse asks for what follows the last message of a chat, which the user may have written during an outage. */
function askFrom(heard: number, query: Element): void {
  for (const field of query.getElementsByTagName('field'))
    if (heard && field.getAttribute('var') === 'start' && Date.parse(field.textContent) > heard)
      field.firstElementChild!.textContent = new Date(heard).toISOString()
}

/** A browser writes elements of `newElement` wrongly inside elements with a namespace. */
const parsed = (element: Element) => readStanza({ xml: new XMLSerializer().serializeToString(element) })

const isChat = (stanza: Element): boolean =>
  /^(group)?chat$/.test(stanza.getAttribute('type') ?? '') && !!stanza.id && !!stanza.getElementsByTagName('body')[0]
