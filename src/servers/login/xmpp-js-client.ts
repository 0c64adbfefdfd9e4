import { type XmlElement, xml } from '@xmpp/client'
import { Client } from '@xmpp/client-core'
import sasl, { type Authenticate, type Negotiate } from '@xmpp/sasl'
import sasl2 from '@xmpp/sasl2'
import SaslFactory from 'saslmechanisms'
import { sasl2Namespace, saslNamespace } from '../../xmpp/namespaces.js'
import type { Mechanism } from './sasl/mechanism.js'

export interface ClientHost {
  send(element: XmlElement): void
  restart(): void
  fail(error: unknown): void
}

/** An entity of xmpp.js. It negotiates SASL or SASL2 only if it is told to. */
export class XmppJsClient extends Client {
  readonly #host: ClientHost

  constructor(host: ClientHost) {
    super({})
    this.#host = host
  }

  /**
   * By SASL, or with `inline` by SASL2: the requests inside it (XEP-0388 §2.3). The library's own mechanisms are slow, or
   * do not check the server's proof.
   */
  authenticate(mechanism: Mechanism, inline: readonly XmlElement[] | undefined): void {
    const negotiates: Negotiate[] = []
    const streamFeatures = {
      use: (_name: string, _namespace: string, negotiate: Negotiate) => negotiates.push(negotiate),
    }
    // xmpp.js calls this with `new`, which an arrow function forbids.
    const saslFactory = new SaslFactory().use(mechanism.name, function create() {
      return { ...mechanism, clientFirst: true }
    })
    if (inline === undefined) sasl({ streamFeatures, saslFactory }, authenticate)
    else
      sasl2({ streamFeatures, saslFactory }, authenticate).setup({
        fast: {
          auth: async ({ streamFeatures: requests }) => {
            requests.push(...inline)
            return false
          },
        },
      })
    const xmlns = inline === undefined ? saslNamespace : sasl2Namespace
    const offer = xml('mechanisms', { xmlns }, xml('mechanism', {}, mechanism.name))
    negotiates[0]!({ entity: this }, () => {}, offer).catch(error => this.#host.fail(error))
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
