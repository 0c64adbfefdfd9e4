import { Client } from '@xmpp/client-core'
import iqCaller from '@xmpp/iq/caller.js'
import middleware from '@xmpp/middleware'
import resourceBinding from '@xmpp/resource-binding'
import sasl, { type Authenticate } from '@xmpp/sasl'
import streamFeatures from '@xmpp/stream-features'
import type { IqCaller, XmlElement } from '@xmpp/xml'
import { copyOf } from '../xml/copy-of.js'
import type { Handshake } from './handshake.js'

interface SaslFactory {
  _mechs: readonly { readonly name: string }[]
  create: (names: readonly string[]) => object | undefined
}

/** A client of the library, with what a login asks of it. */
export interface LoginClient {
  readonly entity: Client
  readonly iqCaller: IqCaller
  readonly saslFactory: SaslFactory
}

/**
 * The parts of @xmpp/client that a login uses, joined as `client()` joins them, with BOSH as what they talk over: a
 * handshake in place of sockets, streams and parsers. What comes in reaches it by `emit`. What is left out looks
 * addresses up, reconnects, answers IQs, or takes up stream management, SASL2, Bind 2 and FAST: a login must not do any
 * of that, each element would be shown to all of them, and the part that looks addresses up would keep the login, its
 * password too, in memory until the next full collection.
 */
export function clientOver(handshake: Handshake, resource: string | undefined): LoginClient {
  const entity = new Client({})
  // As values of a literal: a function that is written where one property is set V8 takes for one that will stay. It
  // puts it among what is old, and all that the function reaches survives there until the next full collection.
  Object.assign(entity, {
    // No header comes back that would tell that a stream is open (XEP-0206 §3).
    open: async () => handshake.open(),
    // Nothing is told of what was sent: nobody listens for it.
    send: async (element: XmlElement) => handshake.send(element),
    _jid: keepAsBound,
  })
  const stanzas = middleware({ entity })
  const features = streamFeatures({ middleware: stanzas })
  const caller = iqCaller({ middleware: stanzas, entity })
  Object.assign(caller, { request: (iq: XmlElement) => handshake.ask(iq) })
  const saslFactory = { _mechs: [], create: () => undefined }
  sasl({ streamFeatures: features, saslFactory }, authenticate)
  resourceBinding({ iqCaller: caller, streamFeatures: features }, resource)
  return { entity, iqCaller: caller, saslFactory }
}

/**
 * Logs in and binds; resolves with the JID. The library's own `start` would put the client in a `WeakMap`, and what it
 * is mapped to holds it until the next full collection.
 */
export function start({ entity }: LoginClient, handshake: Handshake): Promise<string> {
  return new Promise(resolve => {
    entity.once('online', resolve)
    handshake.open()
  })
}

/** The mechanism has been chosen already, and is the only one that the library sees. */
function authenticate(begin: Authenticate, [mechanism]: readonly string[]): Promise<void> {
  return begin({}, mechanism!)
}

/** The library would escape and fold what the server has bound. */
function keepAsBound(this: Client, bound: string | null): void {
  // It stays for as long as the session.
  this.jid = copyOf(bound ?? '')
}
