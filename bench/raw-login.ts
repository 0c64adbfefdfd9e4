// Logins directly at the XMPP server. No service in front of the server can be faster.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createSecureContext, type SecureContext, connect as startTls } from 'node:tls'
import { RawClient } from '../test/support/raw-client.js'
import type { SaltedPasswords } from '../test/support/scram.js'
import { logIn } from '../test/support/stream-login.js'
import { domain } from './work.js'

/** Resolves with how to end the session. */
export async function rawLogin(
  client: RawClient,
  user: string,
  remembered: SaltedPasswords,
): Promise<() => Promise<void>> {
  await logIn(client, { user, password: user, remembered })
  return async () => client.end('</stream:stream>')
}

let context: SecureContext | undefined

export async function openTls(port: number, caFile: string): Promise<RawClient> {
  const plain = await RawClient.open(port)
  await plain.ask("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", /<proceed[^>]*\/>/)
  context ??= createSecureContext({ ca: readFileSync(caFile), minVersion: 'TLSv1.3' })
  const secured = startTls({ socket: plain.release(), secureContext: context, servername: domain })
  await once(secured, 'secureConnect')
  return new RawClient(secured)
}
