import { xml } from '@xmpp/client'
import { Client } from '@xmpp/client-core'
import sasl, { type Authenticate, type Negotiate } from '@xmpp/sasl'
import sasl2 from '@xmpp/sasl2'
import type { XmlElement } from '@xmpp/xml'
import SaslFactory from 'saslmechanisms'
import type { Mechanism } from './sasl/mechanism.js'

export interface ClientHost {
  send(element: XmlElement): void
  restart(): void
  fail(error: unknown): void
}

/** An entity of xmpp.js. It negotiates SASL or SASL2 only if it is told to. */
export class XmppJsClient extends Client {
  readonly #host: ClientHost
  readonly #mechanisms = new SaslFactory()
  readonly #features = new Map<string, Negotiate>()
  #inline: readonly XmlElement[] = []

  constructor(host: ClientHost) {
    super({})
    this.#host = host
    const parts = {
      streamFeatures: {
        use: (_name: string, namespace: string, negotiate: Negotiate) => this.#features.set(namespace, negotiate),
      },
      saslFactory: this.#mechanisms,
    }
    sasl(parts, authenticate)
    sasl2(parts, authenticate).setup({
      fast: {
        auth: async ({ streamFeatures: requests }) => {
          requests.push(...this.#inline)
          return false
        },
      },
    })
  }

  /**
   * `namespace`: of SASL or SASL2. `inline`: requests inside SASL2 (XEP-0388 §2.3). The library's own mechanisms are
   * slow, or do not check the server's proof.
   */
  authenticate(mechanism: Mechanism, namespace: string, inline: readonly XmlElement[] = []): void {
    this.#inline = inline
    // xmpp.js calls this with `new`, which an arrow function forbids.
    this.#mechanisms.use(mechanism.name, function create() {
      return { ...mechanism, clientFirst: true }
    })
    const negotiate = this.#features.get(namespace)!
    const offer = xml('mechanisms', { xmlns: namespace }, xml('mechanism', {}, mechanism.name))
    negotiate({ entity: this }, () => {}, offer).catch(error => this.#host.fail(error))
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
