import { Client } from '@xmpp/client-core'
import middleware from '@xmpp/middleware'
import resourceBinding from '@xmpp/resource-binding'
import sasl, { type Authenticate } from '@xmpp/sasl'
import streamFeatures from '@xmpp/stream-features'
import type { XmlElement } from '@xmpp/xml'
import SaslFactory from 'saslmechanisms'
import type { Mechanism } from './sasl/mechanism.js'

/** The login that a client of the library works for. */
export interface ClientDuties {
  /** Sends what the client says to the server. */
  send(element: XmlElement): void
  /** Opens a new stream, since the user has been let in. */
  restart(): void
  /** Has the server bind a resource; resolves with the element `<bind/>` of its answer. */
  bind(request: XmlElement): Promise<XmlElement>
  /** The client is through. */
  done(): void
  fail(error: unknown): void
}

/**
 * A client of @xmpp/client over a link: its parts that a login uses, joined as `client()` joins them. The link takes the
 * place of sockets, streams and parsers. What is left out looks addresses up, reconnects, answers IQs, or takes up stream
 * management, SASL2, Bind 2 and FAST: a login must do none of that.
 */
export class LinkClient extends Client {
  readonly #duties: ClientDuties
  readonly #mechanisms = new SaslFactory()

  constructor(duties: ClientDuties, resource: string | undefined) {
    super({})
    this.#duties = duties
    const features = streamFeatures({ middleware: middleware({ entity: this }) })
    sasl({ streamFeatures: features, saslFactory: this.#mechanisms }, authenticate)
    const iqCaller = { set: (request: XmlElement) => duties.bind(request) }
    resourceBinding({ streamFeatures: features, iqCaller }, resource)
    this.on('online', () => duties.done())
    this.on('error', error => duties.fail(error))
  }

  /** Has the one mechanism that the login has chosen: those of the library are slow, or do not check the server. */
  use(mechanism: Mechanism): void {
    // The factory makes an object of what it is given.
    this.#mechanisms.use(mechanism.name, function chosen() {
      return mechanism
    })
  }

  /** Reacts to features of a stream, or to what the server says of SASL. */
  receive(element: XmlElement): void {
    // All of the library's parts hear of an `element`, one promise after the other; SASL listens to a `nonza`.
    this.emit(element.name === 'features' ? 'element' : 'nonza', element)
  }

  override send(element: XmlElement): Promise<void> {
    this.#duties.send(element)
    return sent
  }

  override restart(): Promise<void> {
    this.#duties.restart()
    return sent
  }
}

const sent = Promise.resolve()

/** The mechanism has been chosen already, and is the only one that the library sees. */
function authenticate(begin: Authenticate, [mechanism]: readonly string[]): Promise<void> {
  return begin({}, mechanism!)
}
