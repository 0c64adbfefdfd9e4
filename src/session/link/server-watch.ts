import { randomBytes } from 'node:crypto'
import type { Clock } from '../../lib/clock.js'
import { withULabels } from '../../xmpp/jid/domains.js'
import type { Link } from '../../xmpp/link.js'
import { pingNamespace } from '../../xmpp/namespaces.js'
import { startTagOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'
import { attribute } from '../../xmpp/xml/escape.js'
import { isManagement, managementIn } from '../logins/resumable-streams.js'
import type { Payload } from '../payload.js'
import type { ManagedLink } from './managed-link.js'

/** A silent server is pinged after this share of `patience`. */
const silentPart = 1 / 4

/** Bytes that a slow server reads in a second. The default of ejabberd is 3000. */
const slowest = 2000
const mostReading = 300_000

/** Pings a server that sends nothing after stanzas were sent to it. */
export class ServerWatch {
  readonly #patience: number
  #silentSince = Number.POSITIVE_INFINITY
  #bytes = 0
  #isAsked = false
  #id = ''
  #unanswered = 0
  /** Namespace of the client's stream management, or 'asked' until the server answers `<enable/>` or `<resume/>`. */
  #counting: string | undefined

  /** `patience`: milliseconds for an answer. If undefined, the server is not watched. */
  constructor(patience: number | undefined) {
    this.#patience = patience ?? Number.POSITIVE_INFINITY
  }

  get isCounted(): boolean {
    return this.#counting !== undefined && this.#counting !== 'asked'
  }

  get deadline(): number {
    const reading = Math.min((this.#bytes / slowest) * 1000, mostReading)
    return this.#silentSince + (this.#isAsked ? this.#patience + reading : this.#patience * silentPart)
  }

  sent({ elements, bytes }: Payload, now: number | undefined): void {
    for (const element of elements)
      if (isManagement(element) && (element.name === 'enable' || element.name === 'resume')) this.#counting ??= 'asked'
    if (this.#isAsked || now === undefined) return
    this.#silentSince = Math.min(this.#silentSince, now)
    this.#bytes += bytes
  }

  /** Call this while the server owes an answer to `<r/>`. */
  awaits(clock: Pick<Clock, 'now'>): void {
    if (this.#silentSince === Number.POSITIVE_INFINITY) this.#silentSince = clock.now()
  }

  received(): void {
    this.#silentSince = Number.POSITIVE_INFINITY
    this.#bytes = 0
    this.#isAsked = false
  }

  /** Returns true for the answer to the service's ping, which the client must not get. Only the server knows its id. */
  takeAnswer(element: Element): boolean {
    const { name, namespace, text } = element
    if (namespace !== 'jabber:client') for (const each of managementIn(element)) this.#learn(each)
    if (this.#unanswered === 0 || name !== 'iq' || !text.includes(this.#id)) return false
    const tag = startTagOf(text)
    const type = tag.attribute('type')
    if (tag.attribute('id') !== this.#id || (type !== 'result' && type !== 'error')) return false
    this.#unanswered -= 1
    // After `<enabled/>`, client and server count the answer, so the client must get it.
    return !this.isCounted
  }

  /**
   * Returns true if the server has not answered the question of an earlier call. `managed`: if the service counts the
   * stanzas of the link.
   */
  pingOrGiveUp(now: number, link: Link, isRead: boolean, domain: string, managed: ManagedLink | undefined): boolean {
    if (!isRead || link.backlog > 0) {
      // The ping would not be sent, or its answer not read.
      this.#silentSince = now
      return false
    }
    if (this.#isAsked) return true
    this.#isAsked = true
    this.#silentSince = now
    if (managed !== undefined) {
      const unconfirmed = managed.unconfirmed.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0)
      this.#bytes = Math.max(this.#bytes, unconfirmed)
      managed.ask()
    } else if (this.#counting !== 'asked') link.send([this.#question(domain)])
    // Otherwise, the server owes an answer to the client's `<enable/>` or `<resume/>`, which is as good as one to a ping.
    return false
  }

  #question(domain: string): Element {
    const counting = this.#counting
    // A ping would falsify the client's counts. `<r/>` is not counted (XEP-0198 §4).
    if (counting !== undefined) return { name: 'r', namespace: counting, text: `<r xmlns='${counting}'/>` }
    if (this.#id === '') this.#id = randomBytes(16).toString('base64url')
    this.#unanswered += 1
    const addressing = attribute('id', this.#id) + attribute('to', withULabels(domain))
    const ping = `<ping xmlns='${pingNamespace}'/>`
    const text = `<iq xmlns='jabber:client' type='get'${addressing}>${ping}</iq>`
    return { name: 'iq', namespace: 'jabber:client', text, isOurs: true }
  }

  #learn({ name, namespace }: Element): void {
    if (name === 'enabled' || name === 'resumed') this.#counting = namespace
    else if (name === 'failed' && this.#counting === 'asked') this.#counting = undefined
  }
}
