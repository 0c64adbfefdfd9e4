// Problems never quote the secret.
import { createSecretKey, type KeyObject } from 'node:crypto'
import { inFile } from '../setting-file.js'
import type { Kind } from './kinds.js'

const leastBytes = 16
/** Prefix of secrets in the Standard Webhooks specification. */
const prefix = 'whsec_'

export const eventsSecret: Kind<KeyObject> = (text, report) => {
  const base64 = text.startsWith(prefix) ? text.slice(prefix.length) : undefined
  if (base64 !== undefined && !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return report(`must have base64 after ${prefix}`)
  const key = base64 === undefined ? Buffer.from(text) : Buffer.from(base64, 'base64')
  if (key.length >= leastBytes) return createSecretKey(key)
  return report(`is too short: make one of ${leastBytes} bytes or more, for example with openssl rand -hex 32`)
}

export const eventsSecretFile: Kind<KeyObject> = inFile((text, report) =>
  eventsSecret(text.trim(), problem => report(`names a file whose text ${problem}`)),
)
