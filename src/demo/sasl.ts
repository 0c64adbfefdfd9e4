import { createHmac, hash as digest, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto'
import { saslprep } from '@mongodb-js/saslprep'
import { attempt } from '../lib/attempt.js'
import { parseJid } from '../xmpp/jid/jid.js'
import { saslNamespace } from '../xmpp/namespaces.js'
import { startTagOf, textOf } from '../xmpp/xml/document.js'
import type { Element } from '../xmpp/xml/element.js'
import { readUtf8 } from '../xmpp/xml/utf8.js'
import { domain, readAddress } from './stanza.js'

/** RFC 6120 §6.5. */
export interface Move {
  readonly kind: 'challenge' | 'success' | 'failure'
  readonly text: string
  readonly account?: string
}

/** Strongest first. */
const hashes = new Map<string | undefined, Hash>([
  ['SCRAM-SHA-256', 'sha256'],
  ['SCRAM-SHA-1', 'sha1'],
])
type Hash = 'sha256' | 'sha1'

/** The minimum of RFC 5802 §5.1: the demo's passwords are public. */
const iterations = 4096

const clientFirst = /^([ny],(?:a=([^,]*))?,)(n=([^,]*),r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)$/s
const clientFinal = /^((c=[A-Za-z0-9+/]+={0,2}),r=([\x21-\x2b\x2d-\x7e]+)(?:,[^,]*)*?),p=([A-Za-z0-9+/]+={0,2})$/s

const offers = [...hashes.keys()].map(name => `<mechanism>${name}</mechanism>`)
export const mechanisms = element('mechanisms', offers.join(''))

export function prepareAccounts(passwords: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(passwords).map(([name, password]) => {
      const local = parseJid(`${name}@${domain}`)?.local
      if (local === undefined) throw new Error(`"${name}" is no name for an account`)
      return [local, saslprep(password)]
    }),
  )
}

/** SCRAM without channel binding (RFC 5802 §5). Service accounts may log in for users (RFC 6120 §6.3.8). */
export function createSasl(
  users: ReadonlyMap<string, string>,
  services: ReadonlyMap<string, string>,
): () => (element: Element) => Move {
  const passwords = new Map([...users, ...services])
  const secret = randomBytes(32)
  const known = new Map<string, ReturnType<typeof derive>>()

  const keysOf = (name: string, hash: Hash) => {
    const id = `${hash} ${name}`
    const password = passwords.get(name)
    // Unknown users have a constant salt too, so that nobody can find out which users exist.
    const salt = mac('sha256', secret, id).subarray(0, 16)
    const keys = known.get(id) ?? derive(password ?? randomBytes(16), salt, hash)
    if (password !== undefined) known.set(id, keys)
    return keys
  }

  /** The first challenge is empty. It is sent only to clients without an initial response (RFC 6120 §6.4.2). */
  function* scram(hash: Hash): Generator<Move, Move, string> {
    const first = yield say('challenge', '')
    const [, gs2Header, authzid, firstBare, name, clientNonce] = clientFirst.exec(first) ?? []
    const account = name === undefined ? undefined : prepareName(name)
    if (account === undefined) return refuse('malformed-request')
    const user = authzid === undefined ? account : readAddress(unescapeName(authzid) ?? '')?.local
    const isAllowed = user === account || services.has(account)
    if (user === undefined || !isAllowed || services.has(user)) return refuse('invalid-authzid')
    const { salt, storedKey, serverKey } = keysOf(account, hash)
    const nonce = clientNonce + randomBytes(18).toString('base64')
    const serverFirst = `r=${nonce},s=${salt.toString('base64')},i=${iterations}`

    const final = yield say('challenge', serverFirst)
    const [, withoutProof, binding, sentNonce, proofText] = clientFinal.exec(final) ?? []
    if (withoutProof === undefined) return refuse('malformed-request')
    const sameBinding = binding === `c=${Buffer.from(gs2Header!).toString('base64')}`
    const authMessage = `${firstBare},${serverFirst},${withoutProof}`
    const signature = mac(hash, storedKey, authMessage)
    const proof = Buffer.from(proofText!, 'base64')
    const clientKey = signature.map((byte, index) => byte ^ (proof[index] ?? 0))
    const genuine = timingSafeEqual(digest(hash, clientKey, 'buffer'), storedKey)
    const fits = sameBinding && sentNonce === nonce && proof.length === signature.length
    if (!genuine || !fits || !passwords.has(account)) return refuse('not-authorized')
    if (!users.has(user)) return refuse('invalid-authzid')
    return { ...say('success', `v=${mac(hash, serverKey, authMessage).toString('base64')}`), account: user }
  }

  return () => {
    let login: ReturnType<typeof scram> | undefined
    const answer = ({ name, text }: Element): Move => {
      const encoded = textOf(text).trim()
      if (name === 'abort') return refuse('aborted')
      if (name === 'auth') {
        const hash = hashes.get(startTagOf(text).attribute('mechanism'))
        if (hash === undefined) return refuse('invalid-mechanism')
        login = scram(hash)
        const { value } = login.next('')
        if (encoded === '') return value
      }
      if (login === undefined || (name !== 'auth' && name !== 'response')) return refuse('malformed-request')
      const message = decode(encoded)
      return message === undefined ? refuse('incorrect-encoding') : login.next(message).value
    }
    return element => {
      const move = answer(element)
      if (move.kind !== 'challenge') login = undefined
      return move
    }
  }
}

function derive(password: string | Buffer, salt: Buffer, hash: Hash) {
  const salted = pbkdf2Sync(password, salt, iterations, hash === 'sha1' ? 20 : 32, hash)
  const storedKey = digest(hash, mac(hash, salted, 'Client Key'), 'buffer')
  return { salt, storedKey, serverKey: mac(hash, salted, 'Server Key') }
}

function mac(hash: Hash, key: Buffer, text: string): Buffer {
  return createHmac(hash, key).update(text).digest()
}

function element(name: string, content: string): string {
  return `<${name} xmlns='${saslNamespace}'>${content}</${name}>`
}

const refuse = (condition: string): Move => ({ kind: 'failure', text: element('failure', `<${condition}/>`) })

function say(kind: 'challenge' | 'success', text: string): Move {
  return { kind, text: element(kind, Buffer.from(text).toString('base64')) }
}

/** `=` means empty (RFC 6120 §6.4.2). Undefined if invalid. */
function decode(text: string): string | undefined {
  if (text === '=') return ''
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined
  return readUtf8(Buffer.from(text, 'base64'))
}

function prepareName(escaped: string): string | undefined {
  const name = unescapeName(escaped)
  return name === undefined || name === '' ? undefined : attempt(() => saslprep(name).toLowerCase())
}

function unescapeName(escaped: string): string | undefined {
  if (/=(?!2C|3D)/.test(escaped)) return undefined
  return escaped.replaceAll('=2C', ',').replaceAll('=3D', '=')
}
