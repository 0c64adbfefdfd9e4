import { csiNamespace } from '../../xmpp/namespaces.js'
import type { Element } from '../../xmpp/xml/element.js'
import { attribute } from '../../xmpp/xml/escape.js'
import type { Payload } from '../payload.js'
import type { Session } from '../session.js'

type ClientState = 'active' | 'inactive'

/** Client states of pages (XEP-0352). A server that does not offer them would close the stream. */
export class ClientStates {
  #areOffered: boolean
  /** Undefined until a page has sent one. */
  #last: ClientState | undefined
  readonly #session: Session

  constructor(session: Session, before?: ReturnType<ClientStates['record']>) {
    this.#session = session
    this.#areOffered = before?.areOffered ?? false
    this.#last = before?.last
  }

  /** `isKept`: the session goes on. Its page may become visible before the next record, and does not say so again. */
  record(isKept: boolean) {
    return { areOffered: this.reachServer, last: isKept && this.#last === 'inactive' ? undefined : this.#last }
  }

  /** Another page comes, which begins as active. */
  forget(): void {
    const isHidden = this.#last === 'inactive'
    this.#last = isHidden ? 'active' : undefined
    if (isHidden) this.#tell('active')
  }

  /** Removes the states if the server does not offer them. */
  take(payload: Payload): Payload {
    if (!payload.elements.some(isState)) return payload
    for (const { name } of payload.elements.filter(isState))
      if (name === 'active' || name === 'inactive') this.#last = name
    if (this.reachServer) return payload
    return { ...payload, elements: payload.elements.filter(element => !isState(element)) }
  }

  /** A resumed stream may begin as active, and lacks a state that the page sent meanwhile. */
  mended(): void {
    if (this.#last !== undefined) this.#tell(this.#last)
  }

  #tell(name: ClientState): void {
    if (!this.reachServer) return
    this.#session.link.send([{ name, namespace: csiNamespace, text: `<${name}${attribute('xmlns', csiNamespace)}/>` }])
  }

  /** With SASL2, a resumed stream may lack the features. They are those of the stream before. */
  get reachServer(): boolean {
    this.#areOffered ||= this.#session.link.facts.offersClientStates === true
    return this.#areOffered
  }
}

const isState = ({ namespace }: Element) => namespace === csiNamespace
