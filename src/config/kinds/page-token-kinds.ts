import { createSecretKey, type KeyObject } from 'node:crypto'
import { attempt } from '../../lib/attempt.js'
import { parseJid } from '../../xmpp/jid/jid.js'
import { inFile, linesIn } from '../setting-file.js'
import { type Kind, secureUrl } from './kinds.js'

/** RFC 7518 §3.2. */
const leastBytes = 32
const mostSecrets = 10
const mostKeys = 100

const advice = `write one of ${leastBytes} bytes or more, for example with openssl rand -hex 32`

export interface SecretsFile {
  readonly file: string
  readonly secrets: readonly KeyObject[]
}

export const pageSecretsFile: Kind<SecretsFile> = inFile((text, report, file) => {
  const secrets: KeyObject[] = []
  for (const { number, text: secret } of linesIn(text)) {
    if (Buffer.byteLength(secret) < leastBytes)
      return report(`names a file whose line ${number} has a secret that is too short: ${advice}`)
    secrets.push(createSecretKey(Buffer.from(secret)))
  }
  if (secrets.length > mostSecrets) return report(`names a file with more than ${mostSecrets} secrets`)
  return secrets.length === 0 ? report(`names a file without a secret: ${advice}`) : { file, secrets }
})

interface PublicKey {
  readonly kty: 'RSA' | 'EC' | 'OKP'
  readonly [member: string]: unknown
}

export interface KeySet {
  readonly keys: readonly PublicKey[]
}

/** Reads a JWK set (RFC 7517 §5), and omits secret keys. */
export function readKeySet(text: string): KeySet | undefined {
  const set: { readonly keys?: unknown } | null | undefined = attempt(() => JSON.parse(text))
  const keys = set?.keys
  if (!Array.isArray(keys) || keys.length > mostKeys) return undefined
  const known = keys.filter(isPublicKey)
  return known.length === 0 ? undefined : { keys: known }
}

export interface KeysFile extends KeySet {
  readonly file: string
}

export const pageKeysFile: Kind<KeysFile> = inFile((text, report, file) => {
  const set = readKeySet(text)
  return set === undefined ? report('names a file that is not a JWK set with public keys') : { file, ...set }
})

/** A symmetric key has the member `k`, a private key has `d` (RFC 7518 §6). */
function isPublicKey(key: unknown): key is PublicKey {
  if (typeof key !== 'object' || key === null || 'k' in key || 'd' in key) return false
  return 'kty' in key && (key.kty === 'RSA' || key.kty === 'EC' || key.kty === 'OKP')
}

export const pageKeys: Kind<{ readonly url: string } | KeysFile> = (text, report) => {
  if (!/^https?:/i.test(text)) return pageKeysFile(text, report)
  const url = secureUrl(text, report)
  return url === undefined ? undefined : { url }
}

export interface JidTemplate {
  readonly claim: string
  readonly before: string
  readonly after: string
  /** Undefined if the claim is a whole JID. */
  readonly domain: string | undefined
}

/** Only one claim is allowed, because several claims could give two users the same JID. */
export const jidTemplate: Kind<JidTemplate> = (text, report) => {
  const [, before = '', claim, after = '', written] =
    /^([^{}@\\]*)\{([^{}\s]{1,128})\}([^{}@\\]*)(?:@([^{}@]+))?$/.exec(text) ?? []
  if (claim === undefined) return report('must be like {sub}@example.org, with one claim in braces')
  if (written === undefined) {
    if (before + after !== '') return report('has no @: write a domain, or the claim alone if it is a JID')
    return { claim, before, after, domain: undefined }
  }
  const whole = `${before}x${after}@${written}`
  const jid = parseJid(whole)
  if (jid === undefined || jid.resource !== undefined || jid.local !== `${before}x${after}`)
    return report('must be like {sub}@example.org, without a resource')
  return { claim, before, after, domain: jid.domain }
}
