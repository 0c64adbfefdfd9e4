import { xml } from '@xmpp/client'
import { Client } from '@xmpp/client-core'
import middleware from '@xmpp/middleware'
import resourceBinding from '@xmpp/resource-binding'
import sasl, { type Authenticate } from '@xmpp/sasl'
import sasl2 from '@xmpp/sasl2'
import streamFeatures from '@xmpp/stream-features'
import type { XmlElement } from '@xmpp/xml'
import SaslFactory from 'saslmechanisms'
import { streamsNamespace } from '../../xmpp/namespaces.js'
import type { Mechanism } from './sasl/mechanism.js'

export interface ClientHost {
  send(element: XmlElement): void
  restart(): void
  /** Resolves with `<bind/>` of the result (RFC 6120 §7). */
  bind(request: XmlElement): Promise<XmlElement>
  done(): void
  fail(error: unknown): void
}

export class XmppJsClient extends Client {
  readonly #host: ClientHost
  readonly #mechanisms = new SaslFactory()
  /** XEP-0388 §2.3. */
  inline: readonly XmlElement[] = []

  constructor(host: ClientHost, resource: string | undefined) {
    super({})
    this.#host = host
    const features = streamFeatures({ middleware: middleware({ entity: this }) })
    sasl({ streamFeatures: features, saslFactory: this.#mechanisms }, authenticate)
    const extensible = sasl2({ streamFeatures: features, saslFactory: this.#mechanisms }, authenticate)
    extensible.setup({
      fast: {
        auth: async ({ streamFeatures: requests }) => {
          requests.push(...this.inline)
          return false
        },
      },
    })
    const iqCaller = { set: (request: XmlElement) => host.bind(request) }
    resourceBinding({ streamFeatures: features, iqCaller }, resource)
    this.on('online', () => host.done())
    this.on('error', error => host.fail(error))
  }

  /** Adds our mechanism. The library's mechanisms are slow, or do not check the server's proof. */
  use(mechanism: Mechanism): void {
    // The library calls this function with `new`, which arrow functions do not allow.
    this.#mechanisms.use(mechanism.name, function chosen() {
      return mechanism
    })
  }

  /** `feature`: the only stream feature that the library sees, because it uses all that it knows. */
  offer(feature: XmlElement): void {
    this.emit('element', xml('features', { xmlns: streamsNamespace }, feature))
  }

  /** Elements of SASL. */
  receive(element: XmlElement): void {
    this.emit('nonza', element)
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

function authenticate(begin: Authenticate, [mechanism]: readonly string[]): Promise<void> {
  return begin({}, mechanism!)
}
