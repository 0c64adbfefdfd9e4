// Logs in through a BOSH endpoint the way Strophe does: create, SASL, restart, bind, session where it is demanded.
import { attribute, type BoshClient, unescapeText } from './bosh-client.js'
import { type SaltedPasswords, ScramClient } from './scram.js'

export interface Credentials {
  readonly user: string
  readonly domain: string
  readonly password: string
  readonly resource?: string
  /** Salted passwords to use and to add to; without it nothing is remembered. */
  readonly remembered?: SaltedPasswords
}

export interface LoggedIn {
  /** Full JID. */
  readonly jid: string
  readonly sid: string
  /** The next rid to send. */
  readonly rid: number
}

const sasl = 'urn:ietf:params:xml:ns:xmpp-sasl'
const xbosh = { 'xmlns:xmpp': 'urn:xmpp:xbosh' }

/**
 * Creates a session, is let in by its server and leaves no request open. SCRAM-SHA-1 where offered, PLAIN otherwise.
 * Rejects with the reply's text on a SASL failure, an error or a terminate.
 */
export async function boshWelcome(client: BoshClient, credentials: Credentials): Promise<void> {
  const { domain } = credentials
  const created = await client.request('', {
    to: domain,
    'xml:lang': 'en',
    wait: '60',
    hold: '1',
    content: 'text/xml; charset=utf-8',
    ver: '1.6',
    'xmpp:version': '1.0',
    ...xbosh,
  })
  client.sid = attribute(created, 'sid')
  if (client.sid === undefined) throw new Error(`no session: ${created}`)
  const mechanisms = await until(client, created, /<(?:\w+:)?mechanism>/)
  await authenticate(client, credentials, mechanisms)
}

/** The same, and goes on until a resource is bound. */
export async function boshLogin(client: BoshClient, credentials: Credentials): Promise<LoggedIn> {
  const { domain } = credentials
  await boshWelcome(client, credentials)
  const restarted = await client.request('', {
    to: domain,
    'xml:lang': 'en',
    'xmpp:restart': 'true',
    ...xbosh,
  })
  const features = await until(client, restarted, /<(?:\w+:)?bind\b/)
  const jid = await bind(client, credentials.resource)
  if (demandsSession(features)) {
    const session = "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>"
    const asked = await client.request(`<iq xmlns='jabber:client' type='set' id='session'>${session}</iq>`)
    await until(client, asked, /<iq\b[^>]*type=['"]result['"]/)
  }
  return { jid, sid: client.sid!, rid: client.rid }
}

async function authenticate(client: BoshClient, credentials: Credentials, offer: string): Promise<void> {
  const { user, password, remembered } = credentials
  if (!/>\s*SCRAM-SHA-1\s*</.test(offer)) {
    if (!/>\s*PLAIN\s*</.test(offer)) throw new Error(`neither SCRAM-SHA-1 nor PLAIN is offered: ${offer}`)
    const plain = Buffer.from(`\0${user}\0${password}`).toString('base64')
    const replied = await client.request(`<auth xmlns='${sasl}' mechanism='PLAIN'>${plain}</auth>`)
    await until(client, replied, /<success\b/)
    return
  }
  const scram = new ScramClient(user, password, remembered)
  const started = await client.request(`<auth xmlns='${sasl}' mechanism='SCRAM-SHA-1'>${scram.first}</auth>`)
  const challenge = textOf(await until(client, started, /<\/challenge>/), 'challenge')
  const proof = await scram.final(challenge)
  const proved = await client.request(`<response xmlns='${sasl}'>${proof}</response>`)
  scram.check(textOf(await until(client, proved, /<success\b/), 'success'))
}

async function bind(client: BoshClient, resource: string | undefined): Promise<string> {
  const wish = resource === undefined ? '' : `<resource>${resource}</resource>`
  const inner = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>${wish}</bind>`
  const asked = await client.request(`<iq xmlns='jabber:client' type='set' id='bind'>${inner}</iq>`)
  return unescapeText(textOf(await until(client, asked, /<\/jid>/), 'jid'))
}

/** Whether a stream's features hold the session of RFC 3921 without `<optional/>`. */
export function demandsSession(features: string): boolean {
  const at = features.indexOf('urn:ietf:params:xml:ns:xmpp-session')
  return at >= 0 && !/^[^>]*[^/]>\s*<optional\b/.test(features.slice(at))
}

/** The text of the first element of that name; empty when there is none. */
export const textOf = (xml: string, name: string): string =>
  new RegExp(`<${name}\\b[^>]*>([^<]*)<`).exec(xml)?.[1] ?? ''

/** Polls until a reply matches, beginning with the one that is there; a failure, an error or a terminate rejects. */
async function until(client: BoshClient, reply: string, wanted: RegExp): Promise<string> {
  for (let text = reply; ; text = await client.request()) {
    if (attribute(text, 'type') === 'terminate' || /<failure\b|type=['"]error['"]/.test(text)) {
      throw new Error(`login refused: ${text}`)
    }
    if (wanted.test(text)) return text
  }
}
