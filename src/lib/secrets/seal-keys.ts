import { createCipheriv, createDecipheriv, createHmac, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto'
import { attempt } from '../attempt.js'

const cipherName = 'aes-256-gcm'
export const saltBytes = 32
export const keyNameBytes = 16
export const tagBytes = 16
const secretBytes = 32

/** Names a key in clear, and tells nothing about it. In hexadecimal digits. */
export const fingerprintOf = (key: KeyObject): string =>
  createHmac('sha256', key).update('warm-bindings fingerprint 1').digest('hex')

/** `keyName` distinguishes a wrong key from a damaged seal. `label` names the format and version. */
export function sealKey(key: KeyObject, salt: Buffer, label: string) {
  const bytes = Buffer.from(hkdfSync('sha256', key, salt, label, secretBytes + keyNameBytes))
  return { secret: bytes.subarray(0, secretBytes), keyName: bytes.subarray(secretBytes) }
}

export function sealKeyNamed(
  keyName: Buffer,
  keys: readonly KeyObject[],
  salt: Buffer,
  label: string,
): Buffer | undefined {
  return keys.map(key => sealKey(key, salt, label)).find(each => timingSafeEqual(each.keyName, keyName))?.secret
}

/** Encrypts with a tag at the end. `about` is not encrypted, but the bytes open only with the same `about`. */
export function seal(secret: Buffer, nonce: Buffer, about: Buffer, bytes: Buffer): Buffer {
  const cipher = createCipheriv(cipherName, secret, nonce, { authTagLength: tagBytes }).setAAD(about)
  return Buffer.concat([cipher.update(bytes), cipher.final(), cipher.getAuthTag()])
}

export function unseal(secret: Buffer, nonce: Buffer, about: Buffer, sealed: Buffer): Buffer | undefined {
  const decipher = createDecipheriv(cipherName, secret, nonce, { authTagLength: tagBytes })
  decipher.setAAD(about).setAuthTag(sealed.subarray(-tagBytes))
  return attempt(() => {
    const bytes = decipher.update(sealed.subarray(0, -tagBytes))
    decipher.final()
    return bytes
  })
}
