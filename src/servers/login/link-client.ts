import { Client } from '@xmpp/client-core'
import middleware from '@xmpp/middleware'
import resourceBinding from '@xmpp/resource-binding'
import sasl, { type Authenticate } from '@xmpp/sasl'
import streamFeatures from '@xmpp/stream-features'
import type { XmlElement } from '@xmpp/xml'
import SaslFactory from 'saslmechanisms'
import type { Mechanism } from './sasl/mechanism.js'

/** What a client of the library needs of the login that it works for. */
export interface ClientHost {
  /** Sends what the client says to the server. */
  send(element: XmlElement): void
  /** Opens a new stream, since the user has been let in. */
  restart(): void
  /** Has the server bind a resource (RFC 6120 §7). Resolves with the element `<bind/>` of its answer. */
  bind(request: XmlElement): Promise<XmlElement>
  /** The resource is bound. */
  done(): void
  /** The client cannot go on. */
  fail(error: unknown): void
}

/**
 * A client of @xmpp/client over a link: its parts that a login uses, joined as `client()` joins them. The link takes the
 * place of sockets, streams and parsers. What is left out looks addresses up, reconnects, answers IQs, or takes up stream
 * management, SASL2, Bind 2 and FAST: a login must do none of that.
 */
export class LinkClient extends Client {
  readonly #host: ClientHost
  readonly #mechanisms = new SaslFactory()

  constructor(host: ClientHost, resource: string | undefined) {
    super({})
    this.#host = host
    const features = streamFeatures({ middleware: middleware({ entity: this }) })
    sasl({ streamFeatures: features, saslFactory: this.#mechanisms }, authenticate)
    const iqCaller = { set: (request: XmlElement) => host.bind(request) }
    resourceBinding({ streamFeatures: features, iqCaller }, resource)
    this.on('online', () => host.done())
    this.on('error', error => host.fail(error))
  }

  /** Gives the client the chosen mechanism: the library's are slow, or let in servers that do not know the password. */
  use(mechanism: Mechanism): void {
    // The factory calls what it is given with `new`.
    this.#mechanisms.use(mechanism.name, function chosen() {
      return mechanism
    })
  }

  /** Has the client react to the features of a stream, or to what the server says of SASL. */
  receive(element: XmlElement): void {
    // All of the library's parts hear of an `element`, one promise after the other; SASL listens to a `nonza`.
    this.emit(element.name === 'features' ? 'element' : 'nonza', element)
  }

  override send(element: XmlElement): Promise<void> {
    this.#host.send(element)
    return sent
  }

  override restart(): Promise<void> {
    this.#host.restart()
    return sent
  }
}

const sent = Promise.resolve()

/** The mechanism has been chosen already, and is the only one that the library sees. */
function authenticate(begin: Authenticate, [mechanism]: readonly string[]): Promise<void> {
  return begin({}, mechanism!)
}
