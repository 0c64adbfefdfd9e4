// Format, in base64url: version, salt, key name, encrypted bytes, tag. The salt gives each text its own key.
import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto'
import { cipherName, keyNameBytes, saltBytes, sealKey, sealKeyNamed, tagBytes } from './seal-keys.js'

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
  const cipher = createCipheriv(cipherName, secret, nonce, { authTagLength: tagBytes })
  cipher.setAAD(Buffer.concat([header, Buffer.from(owner)]))
  const sealed = [cipher.update(bytes), cipher.final()]
  secret.fill(0)
  return Buffer.concat([header, ...sealed, cipher.getAuthTag()]).toString('base64url')
}

/** Undefined if the text is damaged, or has another key or purpose. A wrong key takes as much time as the right key. */
export function openText(keys: readonly KeyObject[], { label, owner }: Purpose, text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url')
  const isWritten = bytes[0] === version && bytes.toString('base64url') === text
  if (!isWritten || bytes.length < headerBytes + tagBytes) return undefined
  const header = bytes.subarray(0, headerBytes)
  const salt = header.subarray(1, 1 + saltBytes)
  const secret = sealKeyNamed(header.subarray(1 + saltBytes), keys, salt, labelOf(label)) ?? randomBytes(32)
  const decipher = createDecipheriv(cipherName, secret, nonce, { authTagLength: tagBytes })
  decipher.setAAD(Buffer.concat([header, Buffer.from(owner)])).setAuthTag(bytes.subarray(-tagBytes))
  const opened = decipher.update(bytes.subarray(headerBytes, -tagBytes))
  secret.fill(0)
  try {
    decipher.final()
    return opened
  } catch {
    return undefined
  }
}

const labelOf = (label: string) => `warm-bindings sealed ${label} ${version}`
