import { hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto'

export const cipherName = 'aes-256-gcm'
export const saltBytes = 32
export const keyNameBytes = 16
export const tagBytes = 16
const secretBytes = 32

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
