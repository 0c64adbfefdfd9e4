import type { Clock } from '../lib/clock.js'
import { limitDetail } from '../lib/counts.js'
import { Problem } from '../lib/errors.js'
import type { KeyedRate, MakeRate } from '../lib/limits/rates.js'
import { createShortMemory } from '../lib/limits/short-memory.js'
import type { WorkQueue } from '../lib/limits/work-queue.js'
import { slowKey } from '../lib/secrets/slow-key.js'
import type { LoginRequest } from '../servers/login/login-request.js'
import { userOf } from '../xmpp/jid/jid.js'

export interface ActingAccountsParts {
  readonly rate: Pick<KeyedRate, 'take' | 'giveBack'>
  readonly clock: Pick<Clock, 'now'>
  readonly hashes: WorkQueue
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
export function createActingAccounts({ rate, clock, hashes, sharedRates, refused }: ActingAccountsParts) {
  const right = createShortMemory<Promise<string>>(clock, memorySeconds)
  const firsts = new Map<string, Promise<unknown>>()
  /** Right passwords of all processes, by their proofs. */
  const proven = sharedRates?.('right-passwords', 1, memorySeconds)

  /** The hash has no random salt, so that processes can compare their hashes. */
  async function proofOf([account, password]: Attempt): Promise<string> {
    const proof = await hashes(() => slowKey(password, account))
    return proof.toString('base64')
  }

  async function isKnownElsewhere(attempt: Attempt): Promise<boolean> {
    return proven !== undefined && (await proven.count(await proofOf(attempt))) > 0
  }

  function remember(attempt: Attempt, key: string): void {
    const proof = right.recall(key) ?? (proven ? proofOf(attempt) : Promise.resolve(''))
    right.remember(key, proof)
    void proof.then(
      proof => void proven?.take(proof),
      () => {},
    )
  }

  async function counted<T>(attempt: Attempt, admin: string, logIn: () => Promise<T>): Promise<T> {
    const [account] = attempt
    const retryAfterSeconds = await rate.take(account)
    if (retryAfterSeconds !== undefined) {
      await rate.giveBack(account)
      if (await isKnownElsewhere(attempt)) return logIn()
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
    const key = right.keyOf(attempt)
    // A running login counts as a wrong password. Parallel logins with the same password wait for the first login,
    // because they would reach the limit.
    for (let first = firsts.get(key); first !== undefined; first = firsts.get(key)) await first
    const isKnown = right.recall(key) !== undefined
    const login = isKnown ? logIn() : counted(attempt, admin, logIn)
    const known = login.then(
      () => remember(attempt, key),
      () => {},
    )
    if (!isKnown && !firsts.has(key)) {
      firsts.set(key, known)
      void known.then(() => firsts.delete(key))
    }
    return login
  }
}
