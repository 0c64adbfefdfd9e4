import type { Clock } from '../lib/clock.js'
import { limitDetail } from '../lib/counts.js'
import { Problem } from '../lib/errors.js'
import type { KeyedRate } from '../lib/limits/rates.js'
import { createShortMemory } from '../lib/limits/short-memory.js'
import { hashOf, type SecretKeys } from '../lib/secrets/secret-hashes.js'
import type { LoginRequest } from '../servers/login/login-request.js'
import { userOf } from '../xmpp/jid/jid.js'

export interface ActingAccountsParts {
  readonly rate: Pick<KeyedRate, 'take' | 'giveBack'>
  readonly clock: Pick<Clock, 'now'>
  readonly keys: SecretKeys
  readonly refused: (admin: string) => void
}

const memorySeconds = 86_400

/**
 * An account that logs in for other users has one limit of wrong passwords, for all these users together. Above the
 * limit, only passwords that were right before are tried, at this process.
 */
export function createActingAccounts({ rate, clock, keys, refused }: ActingAccountsParts) {
  const right = createShortMemory<true>(clock, memorySeconds)
  const firsts = new Map<string, Promise<unknown>>()

  async function counted<T>(account: string, admin: string, logIn: () => Promise<T>): Promise<T> {
    const retryAfterSeconds = await rate.take(account)
    if (retryAfterSeconds !== undefined) {
      await rate.giveBack(account)
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
    const account = userOf(`${credentials.user}@${jid.domain}`)
    const hash = hashOf(keys, ['account', account, credentials.password])
    // A running login counts as a wrong password. Parallel logins with the same password wait for the first login,
    // because they would reach the limit.
    for (let first = firsts.get(hash); first !== undefined; first = firsts.get(hash)) await first
    const isKnown = right.recall(hash) !== undefined
    const login = isKnown ? logIn() : counted(account, admin, logIn)
    const known = login.then(
      () => right.remember(hash, true),
      () => {},
    )
    if (!isKnown && !firsts.has(hash)) {
      firsts.set(hash, known)
      void known.then(() => firsts.delete(hash))
    }
    return login
  }
}
