// The part of @xmpp/client 0.14 that a login uses. The package has no types of its own.

declare module '@xmpp/client' {
  import type { EventEmitter } from 'node:events'

  export interface XmlElement {
    name: string
    attrs: Record<string, string | undefined>
    readonly children: readonly unknown[]
    /** Adds text. */
    t(text: string): this
    toString(): string
  }

  export function xml(name: string, attributes?: Record<string, string>, ...children: unknown[]): XmlElement

  export interface IqCaller {
    readonly handlers: Map<string, { resolve(reply: XmlElement): void; reject(reason: unknown): void }>
    request(stanza: XmlElement): Promise<XmlElement>
    set(child: XmlElement): Promise<XmlElement>
  }

  export interface Client extends EventEmitter {
    readonly iqCaller: IqCaller
    readonly reconnect: { stop(): void }
    readonly saslFactory: { _mechs: unknown[]; use(name: string, mechanism: () => object): void }
    /** Takes note of the JID that was bound, which may be missing. */
    _jid: (jid: string | null) => void
    transports: unknown[]
    /** Milliseconds that opening a stream may take; 0 for no limit. */
    timeout: number
    send(element: XmlElement): Promise<void>
    /** Set by the part that looks addresses up in DNS. */
    connect?: unknown
    start(): Promise<unknown>
  }

  export type Authenticate = (credentials: object, mechanism: string) => Promise<void>

  export function client(options: {
    service: unknown
    domain: string
    lang: string
    resource?: string | undefined
    credentials: (authenticate: Authenticate, mechanisms: string[]) => Promise<void>
  }): Client
}

declare module '@xmpp/connection' {
  import type { XmlElement } from '@xmpp/client'

  export default class Connection {
    NS: string
    Socket: unknown
    Parser: unknown
    send(element: XmlElement): Promise<void>
    headerElement(): XmlElement
    socketParameters(service: unknown): unknown
  }
}

declare module '@xmpp/xml' {
  export class Parser {}
}
