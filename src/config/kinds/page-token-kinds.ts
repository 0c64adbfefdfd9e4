import { createSecretKey, type KeyObject } from 'node:crypto'
import { attempt } from '../../lib/attempt.js'
import { parseJid } from '../../xmpp/jid/jid.js'
import { inFile, linesIn } from '../setting-file.js'
import { entriesOf, type Kind, listOf, secureUrl, unescaped } from './kinds.js'
import { publicKeysIn } from './pem.js'

/** RFC 7518 §3.2. */
export const leastSecretBytes = 32
const mostSecrets = 10
const mostKeys = 100

const advice = `write one of ${leastSecretBytes} bytes or more, for example with openssl rand -hex 32`

export interface SecretsFile {
  readonly file: string
  readonly secrets: readonly KeyObject[]
}

export const pageSecretsFile: Kind<SecretsFile> = inFile((text, report, file) => {
  const secrets: KeyObject[] = []
  for (const { number, text: secret } of linesIn(text)) {
    if (Buffer.byteLength(secret) < leastSecretBytes)
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
  return keySetOf(set?.keys)
}

function keySetOf(keys: unknown): KeySet | undefined {
  if (!Array.isArray(keys) || keys.length > mostKeys) return undefined
  const known = keys.filter(isPublicKey)
  return known.length === 0 ? undefined : { keys: known }
}

export interface KeysFile extends KeySet {
  readonly file: string
  /** Not of a provider: the tokens may have no issuer. */
  readonly isPem?: true
}

export const pageKeysFile: Kind<KeysFile> = inFile((text, report, file) => {
  if (text.includes('-----BEGIN ')) {
    const set = keySetOf(publicKeysIn(text))
    return set === undefined ? report('names a PEM file that has not only public keys') : { file, ...set, isPem: true }
  }
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

export const tokenNames = listOf(entry => entry, '', 'must have a name')

/** Each claim must have one of its values. */
export type RequiredClaims = ReadonlyMap<string, readonly string[]>

/** `name=value,…`. */
export const requiredClaims: Kind<RequiredClaims> = (text, report) => {
  const claims = new Map<string, readonly string[]>()
  for (const entry of entriesOf(text)) {
    const [, name, value] = /^([^=\s]{1,128})=(.+)$/.exec(entry) ?? []
    if (name === undefined || value === undefined) report('must be like token_use=access,client_id=chat')
    else claims.set(name, [...(claims.get(name) ?? []), unescaped(value)])
  }
  return claims
}

export interface JidTemplate {
  readonly claim: string
  /** Whether the name is the claim's UTF-8 bytes, in hexadecimal digits. */
  readonly isHex: boolean
  readonly before: string
  readonly after: string
  /** Undefined if the claim is a whole JID. */
  readonly domain: string | undefined
}

/** Only one claim is allowed, because several claims could give two users the same JID. */
export const jidTemplate: Kind<JidTemplate> = (text, report) => {
  const [, before = '', inBraces, after = '', written] =
    /^([^{}@\\]*)\{([^{}\s]{1,128})\}([^{}@\\]*)(?:@([^{}@]+))?$/.exec(text) ?? []
  const hexClaim = /^hex\((.+)\)$/.exec(inBraces ?? '')?.[1]
  const claim = hexClaim ?? inBraces
  const isHex = hexClaim !== undefined
  if (claim === undefined) return report('must be like {sub}@example.org, with one claim in braces')
  if (written === undefined) {
    if (before + after !== '' || isHex) return report('has no @: write a domain, or the claim alone if it is a JID')
    return { claim, isHex, before, after, domain: undefined }
  }
  const whole = `${before}x${after}@${written}`
  const jid = parseJid(whole)
  if (jid === undefined || jid.resource !== undefined || jid.local !== `${before}x${after}`)
    return report('must be like {sub}@example.org, without a resource')
  return { claim, isHex, before, after, domain: jid.domain }
}

/** Texts with claims in braces. */
export interface NameTemplate {
  readonly name: string
  readonly address: string | undefined
}

/** Such as `{name} <{email}>`. */
export const nameTemplate: Kind<NameTemplate> = (text, report) => {
  const [, name, address] = /^([^<>]+)(?:<([^<>]+)>)?$/.exec(text.trim()) ?? []
  const claims = text.match(claimsInBraces) ?? []
  if (name === undefined || claims.length === 0 || /[{}]/.test(text.replaceAll(claimsInBraces, '')))
    return report('must be like {name}, or {name} <{email}>, with claims in braces')
  return { name: name.trim(), address }
}

export const claimsInBraces = /\{([^{}\s]{1,128})\}/g
