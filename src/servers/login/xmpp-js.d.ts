// @xmpp/client 0.14 has no types.

declare module '@xmpp/client' {
  import type { XmlElement } from '@xmpp/xml'

  export function xml(name: string, attributes?: Record<string, string>, ...children: unknown[]): XmlElement
}

declare module '@xmpp/xml' {
  export interface XmlElement {
    name: string
    readonly children: readonly unknown[]
    t(text: string): this
    readonly attrs: Record<string, string | undefined>
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

declare module '@xmpp/sasl2' {
  import type { Authenticate } from '@xmpp/sasl'
  import type { StreamFeatures } from '@xmpp/stream-features'
  import type { XmlElement } from '@xmpp/xml'
  import type SaslFactory from 'saslmechanisms'

  export type Fast = { auth(about: { streamFeatures: XmlElement[] }): Promise<boolean> }
  export default function sasl2(
    parts: { streamFeatures: StreamFeatures; saslFactory: SaslFactory },
    onAuthenticate: (authenticate: Authenticate, mechanisms: readonly string[]) => Promise<void>,
  ): { setup(parts: { fast: Fast }): void }
}

declare module '@xmpp/resource-binding' {
  import type { StreamFeatures } from '@xmpp/stream-features'
  import type { XmlElement } from '@xmpp/xml'

  /** Resolves with the result's child of the same name and namespace. */
  type IqCaller = { set(child: XmlElement): Promise<XmlElement> }
  export default function resourceBinding(
    parts: { streamFeatures: StreamFeatures; iqCaller: IqCaller },
    resource: string | undefined,
  ): void
}
