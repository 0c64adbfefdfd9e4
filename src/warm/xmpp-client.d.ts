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
    request(iq: XmlElement): Promise<XmlElement>
    set(child: XmlElement): Promise<XmlElement>
  }

  /** A mechanism of ours, as far as the library asks. */
  interface SaslMechanism {
    readonly name: string
  }

  export interface Client extends EventEmitter {
    readonly iqCaller: IqCaller
    readonly reconnect: { stop(): void }
    readonly saslFactory: {
      _mechs: readonly SaslMechanism[]
      create(names: readonly string[]): SaslMechanism
    }
    jid: string
    /** Takes note of the JID that was bound, which may be missing. */
    _jid: (jid: string | null) => void
    connect: (service: unknown) => Promise<void>
    open: () => Promise<void>
    send: (element: XmlElement) => Promise<void>
    /** Logs in and binds; resolves with the `jid`. */
    start(): Promise<string>
  }

  export type Authenticate = (credentials: object, mechanism: string) => Promise<void>

  export function client(options: {
    resource?: string | undefined
    userAgent: XmlElement
    credentials: (authenticate: Authenticate, mechanisms: string[]) => Promise<void>
  }): Client
}

declare module '@xmpp/xml/lib/parse.js' {
  import type { XmlElement } from '@xmpp/client'

  /** Reads an element that is well-formed, and throws where it is not. */
  export default function parse(text: string): XmlElement
}
