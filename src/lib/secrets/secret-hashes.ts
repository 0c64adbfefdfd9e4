import { createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto'

/** The keys of SEAL_KEY_FILE, or a random key of this process. */
export type SecretKeys = () => readonly [KeyObject, ...KeyObject[]]

export function secretKeys(shared: () => readonly KeyObject[] | undefined): SecretKeys {
  const own = createSecretKey(randomBytes(32))
  return () => {
    const [first = own, ...others] = shared() ?? []
    return [first, ...others]
  }
}

/** Processes with the same first key can compare these hashes. */
export const hashOf = (keys: SecretKeys, about: readonly string[]): string =>
  createHmac('sha256', keys()[0]).update(JSON.stringify(about)).digest('base64')
