// Format, in base64url: version, salt, key name, nonce (version 2), encrypted bytes, tag. The salt gives each text its own
// key. Texts of version 2 share keys, and have their own nonces.
import { type KeyObject, randomBytes } from 'node:crypto'
import { keyNameBytes, saltBytes, seal, sealKey, sealKeyNamed, tagBytes, unseal } from './seal-keys.js'

const nonceBytes = 12
/** Of the nonce, by version. */
const writtenBytes: Readonly<Record<number, number>> = { 1: 0, 2: nonceBytes }
const saltEnd = 1 + saltBytes
const nameEnd = saltEnd + keyNameBytes

/** A sealed text opens only with the same label and owner. */
export interface Purpose {
  readonly label: string
  readonly owner: string
}

export function sealText(key: KeyObject, { label, owner }: Purpose, bytes: Buffer): string {
  const { secret, header } = begin(key, label, 1)
  const text = written(secret, Buffer.alloc(nonceBytes), header, owner, bytes)
  secret.fill(0)
  return text
}

/** Seals many texts of one label: it derives their key once. */
export function textSealer(key: KeyObject, label: string): (owner: string, bytes: Buffer) => string {
  const { secret, header } = begin(key, label, 2)
  let count = 0
  return (owner, bytes) => {
    const nonce = Buffer.alloc(nonceBytes)
    nonce.writeUIntBE(count++, nonceBytes - 6, 6)
    return written(secret, nonce, Buffer.concat([header, nonce]), owner, bytes)
  }
}

function begin(key: KeyObject, label: string, version: number) {
  const salt = randomBytes(saltBytes)
  const { secret, keyName } = sealKey(key, salt, labelOf(label, version))
  return { secret, header: Buffer.concat([Buffer.of(version), salt, keyName]) }
}

function written(secret: Buffer, nonce: Buffer, header: Buffer, owner: string, bytes: Buffer): string {
  const sealed = seal(secret, nonce, Buffer.concat([header, Buffer.from(owner)]), bytes)
  return Buffer.concat([header, sealed]).toString('base64url')
}

/** Undefined if the text is damaged, or has another key or purpose. A wrong key takes as much time as the right key. */
export function openText(keys: readonly KeyObject[], { label, owner }: Purpose, text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url')
  const [version = 0] = bytes
  const length = writtenBytes[version]
  if (length === undefined || bytes.toString('base64url') !== text) return undefined
  const headerEnd = nameEnd + length
  if (bytes.length < headerEnd + tagBytes) return undefined
  const header = bytes.subarray(0, headerEnd)
  const [salt, keyName] = [header.subarray(1, saltEnd), header.subarray(saltEnd, nameEnd)]
  const nonce = length === 0 ? Buffer.alloc(nonceBytes) : header.subarray(nameEnd)
  const secret = sealKeyNamed(keyName, keys, salt, labelOf(label, version)) ?? randomBytes(32)
  const opened = unseal(secret, nonce, Buffer.concat([header, Buffer.from(owner)]), bytes.subarray(headerEnd))
  secret.fill(0)
  return opened
}

const labelOf = (label: string, version: number) => `warm-bindings sealed ${label} ${version}`
