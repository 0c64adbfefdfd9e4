// What a client says to log in on a stream, whatever carries it: SASL, restart, bind, session where it is demanded.
import { type SaltedPasswords, ScramClient } from './scram.js'

export interface ClientStream {
  /** Opens the stream, or opens it again. Resolves with its features. */
  open(): Promise<string>
  /** Sends this, and resolves with what came as soon as it matches. */
  ask(text: string, expected: RegExp): Promise<string>
}

export interface Credentials {
  readonly user: string
  readonly password: string
  readonly resource?: string
  /** Salted passwords to use and to add to; without it nothing is remembered. */
  readonly remembered?: SaltedPasswords
}

const sasl = `xmlns='urn:ietf:params:xml:ns:xmpp-sasl'`
const success = /<success\b[^>]*\/>|<\/success>/

/** Logs in and binds. Resolves with the full JID, as XML. Rejects with the server's words if they are a refusal. */
export async function logIn(stream: ClientStream, credentials: Credentials): Promise<string> {
  await authenticate(stream, credentials)
  const features = await stream.open()
  const jid = await bind(stream, credentials.resource)
  if (demandsSession(features)) await set(stream, 'session', "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>")
  return jid
}

/** SCRAM-SHA-1 where offered, PLAIN otherwise. */
export async function authenticate(stream: ClientStream, { user, password, remembered }: Credentials): Promise<void> {
  const offer = await stream.open()
  if (/>\s*SCRAM-SHA-1\s*</.test(offer)) {
    const answer = await scramExchange(stream, new ScramClient(user, password, remembered))
    if (!success.test(answer)) throw new Error(`login refused: ${answer}`)
    return
  }
  if (!/>\s*PLAIN\s*</.test(offer)) throw new Error(`neither SCRAM-SHA-1 nor PLAIN is offered: ${offer}`)
  const plain = Buffer.from(`\0${user}\0${password}`).toString('base64')
  await granted(stream, `<auth ${sasl} mechanism='PLAIN'>${plain}</auth>`, success)
}

/** Resolves with `<success/>`, which has been checked, or with `<failure/>`. */
export async function scramExchange({ ask }: ClientStream, scram: ScramClient): Promise<string> {
  const ended = /<\/(challenge|failure)>/
  const challenge = await ask(`<auth ${sasl} mechanism='SCRAM-SHA-1'>${scram.first}</auth>`, ended)
  if (challenge.includes('<failure')) return challenge
  const proof = await scram.final(textOf(challenge, 'challenge'))
  const answer = await ask(`<response ${sasl}>${proof}</response>`, /<\/(success|failure)>/)
  if (answer.includes('<success')) scram.check(textOf(answer, 'success'))
  return answer
}

/** Continues after an authentication. Resolves with the full JID, as XML. */
export async function bind(stream: ClientStream, resource = ''): Promise<string> {
  const wish = resource === '' ? '' : `<resource>${resource}</resource>`
  const bound = await set(stream, 'bind', `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>${wish}</bind>`)
  return textOf(bound, 'jid')
}

const set = (stream: ClientStream, id: string, inner: string) =>
  granted(stream, `<iq xmlns='jabber:client' type='set' id='${id}'>${inner}</iq>`, /<iq\b[^>]*\/>|<\/iq>/)

const refusal = /<failure\b|stream:error|<close\b|type=['"]error['"]/

async function granted({ ask }: ClientStream, text: string, expected: RegExp): Promise<string> {
  const answer = await ask(text, new RegExp(`${expected.source}|${refusal.source}`))
  if (refusal.test(answer)) throw new Error(`login refused: ${answer}`)
  return answer
}

/** Whether a stream's features hold the session of RFC 3921 without `<optional/>`. */
function demandsSession(features: string): boolean {
  const at = features.indexOf('urn:ietf:params:xml:ns:xmpp-session')
  return at >= 0 && !/^[^>]*[^/]>\s*<optional\b/.test(features.slice(at))
}

/** The text of the first element of that name; empty when there is none. */
export const textOf = (xml: string, name: string): string =>
  new RegExp(`<${name}\\b[^>]*>([^<]*)<`).exec(xml)?.[1] ?? ''
