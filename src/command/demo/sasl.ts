import { createHmac, hash as digest, pbkdf2Sync, randomBytes } from 'node:crypto'
import { saslprep } from '@mongodb-js/saslprep'
import { keysFrom } from '../../servers/login/sasl/salted-passwords.js'
import { parseJid } from '../../xmpp/jid/jid.js'
import { saslNamespace } from '../../xmpp/namespaces.js'
import { startTagOf, textOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'
import { domain, readAddress } from './stanza.js'

/** RFC 6120 §6.5. */
export interface Move {
  readonly text: string
  /** After a success. */
  readonly account?: string
}

const mechanism = 'SCRAM-SHA-1'
const hash = 'sha1'
/** The minimum of RFC 5802 §5.1: the demo's passwords are public. */
const iterations = 4096

const clientFirst = /^([ny],(?:a=([^,]*))?,)(n=([^,]*),r=([\x21-\x2b\x2d-\x7e]+))$/
const clientFinal = /^((c=[A-Za-z0-9+/]+={0,2}),r=([\x21-\x2b\x2d-\x7e]+)),p=([A-Za-z0-9+/]+={0,2})$/

export const mechanisms = element('mechanisms', `<mechanism>${mechanism}</mechanism>`)

type Accounts = ReadonlyMap<string, ReturnType<typeof derive>>

export function prepareAccounts(passwords: Readonly<Record<string, string>>): Accounts {
  return new Map(
    Object.entries(passwords).map(([name, password]) => {
      const local = localPart(name)
      if (local === undefined) throw new Error(`"${name}" is no name for an account`)
      return [local, derive(saslprep(password))]
    }),
  )
}

/** SCRAM without channel binding (RFC 5802 §5). Service accounts may log in for users (RFC 6120 §6.3.8). */
export function createSasl(
  users: Accounts,
  services: Accounts,
  isGuest: (name: string) => boolean,
): () => (element: Element) => Move {
  return () => {
    let finish: ((final: string) => Move) | undefined

    function begin(first: string): Move {
      const [, gs2Header, authzid, firstBare, name, clientNonce] = clientFirst.exec(first) ?? []
      if (name === undefined) return refuse('malformed-request')
      const account = localPart(unescapeName(name))
      if (account === undefined) return refuse('not-authorized')
      const user = authzid === undefined ? account : readAddress(unescapeName(authzid))?.local
      if (user === undefined || services.has(user) || (user !== account && !services.has(account)))
        return refuse('invalid-authzid')
      const keys = users.get(account) ?? services.get(account)
      if (keys === undefined) return refuse('not-authorized')
      const { salt, storedKey, serverKey } = keys
      const nonce = clientNonce + randomBytes(18).toString('base64')
      const serverFirst = `r=${nonce},s=${salt.toString('base64')},i=${iterations}`
      const binding = `c=${Buffer.from(gs2Header!).toString('base64')}`
      finish = final => {
        const [, withoutProof, sentBinding, sentNonce, proofText] = clientFinal.exec(final) ?? []
        if (withoutProof === undefined) return refuse('malformed-request')
        const authMessage = `${firstBare},${serverFirst},${withoutProof}`
        const proof = Buffer.from(proofText!, 'base64')
        const clientKey = mac(storedKey, authMessage).map((byte, index) => byte ^ (proof[index] ?? 0))
        const isGenuine = digest(hash, clientKey, 'buffer').equals(storedKey)
        if (!isGenuine || sentBinding !== binding || sentNonce !== nonce) return refuse('not-authorized')
        if (!users.has(user) && !isGuest(user)) return refuse('invalid-authzid')
        return { ...say('success', `v=${mac(serverKey, authMessage).toString('base64')}`), account: user }
      }
      return say('challenge', serverFirst)
    }

    return ({ name, text }) => {
      const message = Buffer.from(textOf(text), 'base64').toString()
      const last = finish
      finish = undefined
      if (name === 'response' && last !== undefined) return last(message)
      if (name !== 'auth') return refuse(name === 'abort' ? 'aborted' : 'malformed-request')
      return startTagOf(text).attribute('mechanism') === mechanism ? begin(message) : refuse('invalid-mechanism')
    }
  }
}

function derive(password: string) {
  const salt = randomBytes(16)
  return { salt, ...keysFrom(pbkdf2Sync(password, salt, iterations, 20, hash), hash) }
}

function mac(key: Buffer, text: string): Buffer {
  return createHmac(hash, key).update(text).digest()
}

function element(name: string, content: string): string {
  return `<${name} xmlns='${saslNamespace}'>${content}</${name}>`
}

const refuse = (condition: string): Move => ({ text: element('failure', `<${condition}/>`) })

function say(kind: 'challenge' | 'success', text: string): Move {
  return { text: element(kind, Buffer.from(text).toString('base64')) }
}

const localPart = (name: string) => parseJid(`${name}@${domain}`)?.local

const unescapeName = (escaped: string) => escaped.replaceAll('=2C', ',').replaceAll('=3D', '=')
