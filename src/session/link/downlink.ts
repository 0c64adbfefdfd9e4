import type { LinkEnd, LinkEvents, LinkStep, StreamHeader } from '../../xmpp/link.js'
import { smNamespace, streamsNamespace } from '../../xmpp/namespaces.js'
import type { Element } from '../../xmpp/xml/element.js'
import type { Outcome } from '../client.js'
import { isFullJid } from '../logins/bound-jid.js'
import { refusedLogin } from '../logins/client-login.js'
import { visibleFeatures } from '../logins/visible-features.js'
import type { Session } from '../session.js'
import { errorForAnswer, errorToClient, refusalToSender } from './error-replies.js'

export class Downlink implements LinkEvents {
  readonly #session: Session
  #offersManagement = false

  constructor(session: Session) {
    this.#session = session
  }

  get step(): LinkStep | undefined {
    return this.#session.jid === undefined ? this.#session.stage.login?.step : 'stream'
  }

  onOpen(header: StreamHeader): void {
    this.#session.client?.onOpen?.(header)
  }

  onElement(element: Element): void {
    const session = this.#session
    if (session.stage.name === 'opening') {
      this.#watchLogin(element)
      if (session.hasEnded) return
    }
    if (session.uplink.watch.takeAnswer(element)) {
      session.uplink.managed?.counts.notForPage()
      return
    }
    if (element.namespace !== 'jabber:client') session.keeper.common.registry.streams.note(session, element)
    const isFeatures = element.namespace === streamsNamespace && element.name === 'features'
    // SASL2 servers send features again after the login. A warmed page must not get these.
    if (isFeatures && session.origin === 'warmed') return
    session.outbox.add(isFeatures ? this.#visible(element) : element)
    if (session.uplink.managed?.isEnabling === true) session.uplink.managed.counts.receivedEarly(element)
    if (isFeatures) session.uplink.opened()
    else if (session.stage.login?.attempts.areUsedUp === true) session.end('refused-logins', 'reported')
  }

  #visible(features: Element): Element {
    const { uplink, client, allowsPasswords } = this.#session
    // A WebSocket client enables stream management itself, so the service does it only for BOSH.
    const isOurs = uplink.link.allowsManagement && client?.transport === 'bosh'
    this.#offersManagement = isOurs && features.text.includes(smNamespace)
    // If features offered stream management again, xmpp.js 0.14 would try to resume the open stream.
    return visibleFeatures(features, allowsPasswords, isOurs || uplink.watch.isCounted)
  }

  #watchLogin(element: Element): void {
    this.countRefusedLogin(element)
    const { stage, uplink } = this.#session
    const loggedIn = stage.login?.received(element, uplink.link.facts.server)
    if (loggedIn === undefined) return
    const isManaged = this.#offersManagement && isFullJid(loggedIn.jid) && !uplink.watch.isCounted
    this.#session.loggedInByClient(loggedIn, isManaged)
  }

  countRefusedLogin(element: Element): void {
    const code = refusedLogin(element)
    if (code !== undefined) this.#session.keeper.common.counts.linkFailures.add('sasl', code)
  }

  /** If the link is lost, adds an error to the outbox for each unconfirmed message or IQ request of the client. */
  returnUnconfirmed({ reason }: Outcome): void {
    const { link, managed } = this.#session.uplink
    if (reason !== 'connection-lost' && link.isBroken !== true) return
    const unconfirmed = (managed?.counts ?? link).takeUnconfirmed?.() ?? []
    this.returnToClient(unconfirmed.filter(({ isOurs }) => isOurs !== true))
  }

  returnToClient(elements: readonly Element[]): void {
    const { jid, outbox } = this.#session
    for (const element of elements) {
      const error = jid && errorToClient(element, jid)
      if (error) outbox.add(error)
    }
  }

  onDropped(dropped?: Element): void {
    this.#session.keeper.common.log.dropped(this.#session)
    if (dropped !== undefined && this.#session.jid !== undefined) this.answerDropped(dropped)
  }

  answerDropped(stanza: Element): void {
    // Its start could not be read.
    if (stanza.name === '') return
    const { uplink, outbox } = this.#session
    const lost = errorForAnswer(stanza)
    const refusal = refusalToSender(stanza)
    if (lost !== undefined) outbox.add(lost)
    // If the client and the server count stanzas, a further stanza to the server would falsify their counts.
    else if (uplink.watch.isCounted) outbox.add(stanza)
    // A server that sends such stanzas and reads slowly would otherwise fill the memory.
    else if (refusal !== undefined && !uplink.isBehind) this.#reply(refusal)
  }

  #reply(reply: Element): void {
    const { managed, link } = this.#session.uplink
    if (managed === undefined) link.send([reply])
    else managed.replies.send(reply)
  }

  onFlush(): void {
    const { uplink, outbox } = this.#session
    uplink.watch.received()
    if (outbox.isEmpty && uplink.managed === undefined) return
    this.onDrain()
  }

  onDrain(): void {
    this.#session.flush()
    this.#session.schedule()
  }

  onEnd({ failure, streamError }: LinkEnd): void {
    if (failure.code === 'internal-error') {
      this.#session.fail(failure.cause)
      return
    }
    if (this.#session.jid === undefined) this.#session.keeper.common.counts.linkFailures.add(failure.step, failure.code)
    const reason = failure.condition === 'conflict' ? 'replaced' : 'stream-error'
    this.#session.end(streamError === undefined ? 'connection-lost' : reason, 'afterDelivery', streamError)
  }
}
