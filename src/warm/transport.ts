import { Client } from '@xmpp/client-core'
import iqCaller from '@xmpp/iq/caller.js'
import middleware from '@xmpp/middleware'
import resourceBinding from '@xmpp/resource-binding'
import sasl, { type Authenticate, type SaslFactory } from '@xmpp/sasl'
import streamFeatures from '@xmpp/stream-features'
import type { IqCaller } from '@xmpp/xml'
import type { Handshake } from './handshake.js'

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
 * of that, and each element would be shown to all of them.
 */
export function clientOver(handshake: Handshake, resource: string | undefined): LoginClient {
  const entity = new Client({})
  // The first request connects; and no header comes back that would tell that a stream is open (XEP-0206 §3).
  entity.connect = async () => {}
  entity.open = async () => handshake.open()
  // Nothing is told of what was sent: nobody listens for it.
  entity.send = async element => handshake.send(element)
  entity._jid = keepAsBound
  const stanzas = middleware({ entity })
  const features = streamFeatures({ middleware: stanzas })
  const caller = iqCaller({ middleware: stanzas, entity })
  caller.request = iq => handshake.ask(iq)
  const saslFactory = { _mechs: [], create: () => undefined }
  sasl({ streamFeatures: features, saslFactory }, authenticate)
  resourceBinding({ iqCaller: caller, streamFeatures: features }, resource)
  return { entity, iqCaller: caller, saslFactory }
}

/** The mechanism has been chosen already, and is the only one that the library sees. */
function authenticate(begin: Authenticate, [mechanism]: readonly string[]): Promise<void> {
  return begin({}, mechanism!)
}

/** The library would escape and fold what the server has bound. */
function keepAsBound(this: Client, bound: string | null): void {
  // A part of a text keeps the whole; this one stays for as long as the session.
  this.jid = Buffer.from(bound ?? '').toString()
}
