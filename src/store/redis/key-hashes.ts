import { hash } from 'node:crypto'

/** 128 bits of base64url. */
const length = 22

/**
 * Turns a key into a name in Redis. Secrets among the keys are random and at least as long, so that the name does not
 * tell them. No seal key takes part: processes must agree about names also while SEAL_KEY_FILE changes.
 */
export const hashKey = (key: string): string => hash('sha256', key, 'base64url').slice(0, length)
