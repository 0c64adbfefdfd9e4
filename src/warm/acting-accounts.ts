import type { Clock } from '../lib/clock.js'
import { limitDetail } from '../lib/counts.js'
import { Problem } from '../lib/errors.js'
import type { KeyedRate, MakeRate } from '../lib/limits/rates.js'
import { createShortMemory } from '../lib/limits/short-memory.js'
import { hashOf, type SecretKeys } from '../lib/secrets/secret-hashes.js'
import type { LoginRequest } from '../servers/login/login-request.js'
import { userOf } from '../xmpp/jid/jid.js'

export interface ActingAccountsParts {
  readonly rate: Pick<KeyedRate, 'take' | 'giveBack'>
  readonly clock: Pick<Clock, 'now'>
  readonly keys: SecretKeys
  /** Of all processes. Undefined with one process. */
  readonly sharedRates?: MakeRate | undefined
  readonly refused: (admin: string) => void
}

type Attempt = readonly [account: string, password: string]

const memorySeconds = 86_400

/**
 * An account that logs in for other users has one limit of wrong passwords, for all these users together. Above the
 * limit, only passwords that were right before are tried.
 */
export function createActingAccounts({ rate, clock, keys, sharedRates, refused }: ActingAccountsParts) {
  const right = createShortMemory<true>(clock, memorySeconds)
  const firsts = new Map<string, Promise<unknown>>()
  /** Right passwords of all processes, by their hashes. */
  const proven = sharedRates?.('right-passwords', 1, memorySeconds)

  async function counted<T>([account]: Attempt, hash: string, admin: string, logIn: () => Promise<T>): Promise<T> {
    const retryAfterSeconds = await rate.take(account)
    if (retryAfterSeconds !== undefined) {
      await rate.giveBack(account)
      if (proven !== undefined && (await proven.count(hash)) > 0) return logIn()
      refused(admin)
      throw new Problem('too-many-requests', { retryAfterSeconds, detail: limitDetail('warms-user') })
    }
    let isWrong = false
    try {
      return await logIn()
    } catch (error) {
      isWrong = error instanceof Problem && error.step === 'sasl'
      throw error
    } finally {
      if (!isWrong) await rate.giveBack(account)
    }
  }

  return async <T>({ jid, credentials }: LoginRequest, admin: string, logIn: () => Promise<T>): Promise<T> => {
    if (credentials.kind !== 'password' || credentials.user === undefined) return logIn()
    const attempt: Attempt = [userOf(`${credentials.user}@${jid.domain}`), credentials.password]
    const hash = hashOf(keys, ['account', ...attempt])
    // A running login counts as a wrong password. Parallel logins with the same password wait for the first login,
    // because they would reach the limit.
    for (let first = firsts.get(hash); first !== undefined; first = firsts.get(hash)) await first
    const isKnown = right.recall(hash) !== undefined
    const login = isKnown ? logIn() : counted(attempt, hash, admin, logIn)
    const known = login.then(
      () => {
        right.remember(hash, true)
        proven?.take(hash).catch(() => {})
      },
      () => {},
    )
    if (!isKnown && !firsts.has(hash)) {
      firsts.set(hash, known)
      void known.then(() => firsts.delete(hash))
    }
    return login
  }
}
