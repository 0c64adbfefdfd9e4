import { type Client, client, xml } from '@xmpp/client'
import type { Handshake } from './handshake.js'

/** For SASL2, which no login takes up; the library would make one for each client, with a random id. */
const userAgent = xml('user-agent')

/**
 * BOSH as what a client of the library talks over: a handshake in place of its sockets, streams and parsers. What comes
 * in reaches it by `emit`.
 */
export function clientOver(handshake: Handshake, resource: string | undefined): Client {
  const created = client({
    resource,
    userAgent,
    // It has been chosen already, and is the only one that the library sees.
    credentials: (authenticate, [mechanism]) => authenticate({}, mechanism!),
  })
  created.reconnect.stop()
  // The first request connects; and no header comes back that would tell that a stream is open (XEP-0206 §3).
  created.connect = async () => {}
  created.open = async () => handshake.open()
  // Nothing is told of what was sent: only stream management counts it, and that is not taken up.
  created.send = async element => handshake.send(element)
  created.iqCaller.request = iq => handshake.ask(iq)
  created._jid = keepAsBound
  return created
}

/** The library would escape and fold what the server has bound. */
function keepAsBound(this: Client, bound: string | null): void {
  // A part of a text keeps the whole; this one stays for as long as the session.
  this.jid = Buffer.from(bound ?? '').toString()
}
