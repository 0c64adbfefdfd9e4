import { createHmac, hkdfSync, type KeyObject } from 'node:crypto'

const label = 'warm-bindings store keys 1'
/** 128 bits of base64url. */
const length = 22

/** Turns keys, which can contain secrets, into names that tell nothing without the seal key. */
export type HashKey = (key: string) => string

export function keyHashes(sealKey: KeyObject): HashKey {
  const secret = Buffer.from(hkdfSync('sha256', sealKey, Buffer.alloc(0), label, 32))
  return key => createHmac('sha256', secret).update(key).digest('base64url').slice(0, length)
}
