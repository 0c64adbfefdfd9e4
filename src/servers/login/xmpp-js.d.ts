// @xmpp/client 0.14 has no types.

declare module '@xmpp/client' {
  export interface XmlElement {
    name: string
    readonly children: readonly unknown[]
    t(text: string): this
    readonly attrs: Record<string, string | undefined>
    toString(): string
  }

  export function xml(name: string, attributes?: Record<string, string>, ...children: unknown[]): XmlElement
}

declare module '@xmpp/client-core' {
  import type { EventEmitter } from 'node:events'
  import type { XmlElement } from '@xmpp/client'

  export class Client extends EventEmitter {
    constructor(options: object)
    send(element: XmlElement): Promise<void>
    restart(): Promise<void>
  }
}

declare module 'saslmechanisms' {
  export default class SaslFactory {
    use(name: string, mechanism: () => object): this
  }
}

declare module '@xmpp/sasl' {
  import type { XmlElement } from '@xmpp/client'
  import type SaslFactory from 'saslmechanisms'

  export type Negotiate = (about: { entity: object }, next: () => void, feature: XmlElement) => Promise<void>
  export interface Parts {
    streamFeatures: { use(name: string, namespace: string, negotiate: Negotiate): unknown }
    saslFactory: SaslFactory
  }
  export type Authenticate = (credentials: object, mechanism: string) => Promise<void>
  export type OnAuthenticate = (authenticate: Authenticate, mechanisms: readonly string[]) => Promise<void>
  export default function sasl(parts: Parts, onAuthenticate: OnAuthenticate): void
}

declare module '@xmpp/sasl2' {
  import type { XmlElement } from '@xmpp/client'
  import type { OnAuthenticate, Parts } from '@xmpp/sasl'

  export type Fast = { auth(about: { streamFeatures: XmlElement[] }): Promise<boolean> }
  export default function sasl2(parts: Parts, onAuthenticate: OnAuthenticate): { setup(parts: { fast: Fast }): void }
}
