import type { Config } from '../config/config.js'
import { WrongSecrets } from '../http/access/wrong-secrets.js'
import { type CallerSignal, orGone, withDeadline } from '../lib/caller-gone.js'
import type { Clock } from '../lib/clock.js'
import { type Limit, limitDetail } from '../lib/counts.js'
import { isFull, Problem, problems } from '../lib/errors.js'
import type { KeyedRate, MakeRate } from '../lib/limits/rates.js'
import type { OnRefused } from '../lib/limits/reached-limits.js'
import { createShortMemory } from '../lib/limits/short-memory.js'
import type { SecretKeys } from '../lib/secrets/secret-hashes.js'
import type { LoginRequest } from '../servers/login/login-request.js'
import { userOf } from '../xmpp/jid/jid.js'

export interface Caller {
  readonly admin: string
  /** A bare JID. Undefined for an anonymous login. */
  readonly user: string | undefined
}

interface CallLimitsParts {
  readonly clock: Pick<Clock, 'now'>
  readonly keys: SecretKeys
  readonly rates: Config['rates']
  /** How long a login waits for another one with the same password, in seconds. */
  readonly timeout: number
  readonly makeRate: MakeRate
  readonly refused: OnRefused
}

/** As for new sessions: RATE_SESSIONS_PER_ADDRESS. */
const signOutSeconds = 5

export type CallLimits = ReturnType<typeof createCallLimits>

export function createCallLimits(parts: CallLimitsParts) {
  const { rates, keys, makeRate, refused } = parts
  const warmsOfUser = makeRate('warms-jid', () => rates.warmsPerJid, 60)
  const signOuts = makeRate('sign-outs', () => rates.warmsPerJid, 60)
  const adminSecrets = new WrongSecrets(() => rates.failedLogins, refused, makeRate, keys)
  const refuseAbove = (admin: string, limit: Limit, retryAfterSeconds: number | undefined) => {
    if (retryAfterSeconds === undefined) return
    refused(limit, { admin })
    throw new Problem('too-many-requests', { retryAfterSeconds, detail: limitDetail(limit) })
  }
  return {
    ofActingAccount: limitActingAccounts(warmsOfUser, parts, refuseAbove),
    adminSecrets,
    keys,
    /** By client, as `refusedSignOuts`. */
    newGuests: makeRate('guests-address', () => rates.guests, 60),
    /** Logins of others behind the same address do not prevent a sign-out. */
    refusedSignOuts: makeRate('refused-sign-outs', () => rates.sessionsPerAddress * signOutSeconds, signOutSeconds),
    async ofUser<T>({ admin, user }: Caller, logIn: () => Promise<T>): Promise<T> {
      if (user === undefined) return logIn()
      refuseAbove(admin, 'warms-user', await warmsOfUser.take(userOf(user)))
      try {
        return await logIn()
      } catch (error) {
        // The limit must not reject the call at another process, which counts it too.
        const isForAnother = isFull(error) || (error instanceof Problem && error.code === 'shutting-down')
        if (isForAnother) await warmsOfUser.giveBack(userOf(user))
        throw error
      }
    },
    /** For pages, which sign out with any valid token. */
    async countSignOut({ admin, user, visit }: Caller & { readonly visit: string | undefined }): Promise<void> {
      refuseAbove(admin, 'warms-user', await signOuts.take(JSON.stringify([user, visit])))
    },
  }
}

const memorySeconds = 86_400

/**
 * An account that logs in for other users has one limit of wrong passwords, for all these users together. Above the
 * limit, only passwords that were right before are tried, at this process.
 */
export function limitActingAccounts(
  rate: Pick<KeyedRate, 'take' | 'giveBack'>,
  { clock, timeout }: Pick<CallLimitsParts, 'clock' | 'timeout'>,
  refuseAbove: (admin: string, limit: Limit, retryAfterSeconds: number | undefined) => void,
) {
  const right = createShortMemory<true>(clock, memorySeconds)
  const firsts = new Map<string, Promise<unknown>>()

  async function counted<T>(account: string, admin: string, logIn: () => Promise<T>, signal: CallerSignal): Promise<T> {
    const retryAfterSeconds = await rate.take(account)
    if (retryAfterSeconds !== undefined) await rate.giveBack(account)
    refuseAbove(admin, 'warms-user', retryAfterSeconds)
    let isWrong = false
    try {
      return await logIn()
    } catch (error) {
      // A server that cannot check passwords says nothing about this one. A caller who left may be guessing.
      isWrong = error instanceof Problem && error.step === 'sasl' && (signal.aborted || !problems[error.code].retry)
      throw error
    } finally {
      if (!isWrong) await rate.giveBack(account)
    }
  }

  async function ended(first: Promise<unknown>, signal: CallerSignal, milliseconds: number): Promise<void> {
    try {
      await withDeadline(signal, milliseconds, waiting => orGone(first, waiting))
    } catch (error) {
      if (signal.aborted) throw error
      throw new Problem('timeout', { step: 'sasl', detail: 'Limit: WARM_TIMEOUT.' })
    }
  }

  return async <T>(
    { jid, credentials }: LoginRequest,
    admin: string,
    logIn: () => Promise<T>,
    signal: CallerSignal,
  ): Promise<T> => {
    if (credentials.kind !== 'password' || credentials.user === undefined) return logIn()
    const account = userOf(`${credentials.user}@${jid.domain}`)
    const hash = right.keyOf([account, credentials.password])
    // A running login counts as a wrong password. Parallel logins with the same password wait for the first login,
    // because they would reach the limit.
    const until = clock.now() + 1000 * timeout
    for (let first = firsts.get(hash); first !== undefined; first = firsts.get(hash))
      await ended(first, signal, until - clock.now())
    const isKnown = right.recall(hash) !== undefined
    const login = isKnown ? logIn() : counted(account, admin, logIn, signal)
    const known = login.then(
      () => right.remember(hash, true),
      () => {},
    )
    if (!isKnown) {
      firsts.set(hash, known)
      void known.then(() => firsts.delete(hash))
    }
    return login
  }
}
