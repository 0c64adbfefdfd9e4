import { hash } from 'node:crypto'

/** 128 bits of base64url. */
const length = 22

/**
 * Turns a key into a name in Redis. A secret in a key must be random and at least as long, or hashed with a key, because
 * the name tells what can be guessed. No seal key takes part: processes must agree about names while it changes.
 */
export const hashKey = (key: string): string => hash('sha256', key, 'base64url').slice(0, length)
