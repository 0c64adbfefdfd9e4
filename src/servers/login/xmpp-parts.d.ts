// The parts of @xmpp/client 0.14 that a login uses, as far as it uses them. Its packages have no types of their own.

declare module '@xmpp/client' {
  import type { XmlElement } from '@xmpp/xml'

  export function xml(name: string, attributes?: Record<string, string>, ...children: unknown[]): XmlElement
}

declare module '@xmpp/xml' {
  export interface XmlElement {
    name: string
    readonly children: readonly unknown[]
    /** Adds text. */
    t(text: string): this
    toString(): string
  }
}

declare module '@xmpp/client-core' {
  import type { EventEmitter } from 'node:events'
  import type { XmlElement } from '@xmpp/xml'

  export class Client extends EventEmitter {
    constructor(options: object)
    send(element: XmlElement): Promise<void>
    restart(): Promise<void>
  }
}

declare module '@xmpp/middleware' {
  export type Middleware = { use(handler: unknown): unknown }
  export default function middleware(parts: { entity: unknown }): Middleware
}

declare module '@xmpp/stream-features' {
  import type { Middleware } from '@xmpp/middleware'

  export type StreamFeatures = { use(name: string, xmlns: string, handler: unknown): unknown }
  export default function streamFeatures(parts: { middleware: Middleware }): StreamFeatures
}

declare module 'saslmechanisms' {
  export default class SaslFactory {
    /** Registers a constructor of mechanisms. */
    use(name: string, mechanism: () => object): this
  }
}

declare module '@xmpp/sasl' {
  import type { StreamFeatures } from '@xmpp/stream-features'
  import type SaslFactory from 'saslmechanisms'

  export type Authenticate = (credentials: object, mechanism: string) => Promise<void>
  export default function sasl(
    parts: { streamFeatures: StreamFeatures; saslFactory: SaslFactory },
    onAuthenticate: (authenticate: Authenticate, mechanisms: readonly string[]) => Promise<void>,
  ): void
}

declare module '@xmpp/resource-binding' {
  import type { StreamFeatures } from '@xmpp/stream-features'
  import type { XmlElement } from '@xmpp/xml'

  /** `set` resolves with the child of the IQ's result that has the name and the namespace of the one sent. */
  type IqCaller = { set(child: XmlElement): Promise<XmlElement> }
  export default function resourceBinding(
    parts: { streamFeatures: StreamFeatures; iqCaller: IqCaller },
    resource: string | undefined,
  ): void
}
