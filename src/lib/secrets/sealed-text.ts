// Format, in base64url: version, salt, key name, encrypted bytes, tag. The salt gives each text its own key.
import { type KeyObject, randomBytes } from 'node:crypto'
import { keyNameBytes, saltBytes, seal, sealKey, sealKeyNamed, tagBytes, unseal } from './seal-keys.js'

const version = 1
const headerBytes = 1 + saltBytes + keyNameBytes
const nonce = Buffer.alloc(12)

/** A sealed text opens only with the same label and owner. */
export interface Purpose {
  readonly label: string
  readonly owner: string
}

export function sealText(key: KeyObject, { label, owner }: Purpose, bytes: Buffer): string {
  const salt = randomBytes(saltBytes)
  const { secret, keyName } = sealKey(key, salt, labelOf(label))
  const header = Buffer.concat([Buffer.of(version), salt, keyName])
  const sealed = seal(secret, nonce, Buffer.concat([header, Buffer.from(owner)]), bytes)
  secret.fill(0)
  return Buffer.concat([header, sealed]).toString('base64url')
}

/** Undefined if the text is damaged, or has another key or purpose. A wrong key takes as much time as the right key. */
export function openText(keys: readonly KeyObject[], { label, owner }: Purpose, text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url')
  const isWritten = bytes[0] === version && bytes.toString('base64url') === text
  if (!isWritten || bytes.length < headerBytes + tagBytes) return undefined
  const header = bytes.subarray(0, headerBytes)
  const salt = header.subarray(1, 1 + saltBytes)
  const secret = sealKeyNamed(header.subarray(1 + saltBytes), keys, salt, labelOf(label)) ?? randomBytes(32)
  const opened = unseal(secret, nonce, Buffer.concat([header, Buffer.from(owner)]), bytes.subarray(headerBytes))
  secret.fill(0)
  return opened
}

const labelOf = (label: string) => `warm-bindings sealed ${label} ${version}`
