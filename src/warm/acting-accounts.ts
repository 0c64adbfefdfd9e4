import type { Clock } from '../lib/clock.js'
import { limitDetail } from '../lib/counts.js'
import { Problem } from '../lib/errors.js'
import type { HashQueue } from '../lib/limits/hash-queue.js'
import type { KeyedRate } from '../lib/limits/rates.js'
import { createShortMemory, type MemoryKey } from '../lib/limits/short-memory.js'
import { slowKey } from '../lib/secrets/slow-key.js'
import { askAll } from '../processes/exchanges/ask-all.js'
import type { Nodes } from '../processes/nodes.js'
import type { LoginWish } from '../servers/login/login-request.js'
import { userOf } from '../xmpp/jid/jid.js'

export interface ActingAccountsParts {
  readonly rate: Pick<KeyedRate, 'take' | 'giveBack'>
  readonly clock: Pick<Clock, 'now'>
  readonly hashes: HashQueue
  readonly nodes?: Nodes | undefined
  readonly refused: (admin: string) => void
}

type Shown = readonly [account: string, password: string]

const memorySeconds = 86_400
const rightKind = 'right-password'

/**
 * Limits wrong passwords of accounts that act for users: each call could name another user. Above the limit, only
 * passwords known to be right are tried.
 */
export function createActingAccounts({ rate, clock, hashes, nodes, refused }: ActingAccountsParts) {
  const right = createShortMemory<Promise<string>>(clock, memorySeconds)
  const proven = createShortMemory<true>(clock, memorySeconds)
  const firsts = new Map<MemoryKey, Promise<unknown>>()
  nodes?.answer(rightKind, (proof: string) => proven.recall(proven.keyOf([proof])) !== undefined)

  /** The proof is a slow hash, equal in all processes. */
  async function proofOf([account, password]: Shown): Promise<string> {
    const proof = await hashes(() => slowKey(password, account))
    return proof.toString('base64')
  }

  async function isKnownElsewhere(shown: Shown): Promise<boolean> {
    if (nodes === undefined || nodes.others.length === 0) return false
    const { answers } = await askAll<boolean>(nodes, rightKind, await proofOf(shown))
    return answers.some(([, isRight]) => isRight)
  }

  function remember(shown: Shown, key: MemoryKey): void {
    const proof = right.recall(key) ?? (nodes ? proofOf(shown) : Promise.resolve(''))
    right.remember(key, proof)
    void proof.then(
      proof => proven.remember(proven.keyOf([proof]), true),
      () => {},
    )
  }

  async function counted<T>(shown: Shown, admin: string, logIn: () => Promise<T>): Promise<T> {
    const [account] = shown
    const retryAfterSeconds = await rate.take(account)
    if (retryAfterSeconds !== undefined) {
      await rate.giveBack(account)
      if (await isKnownElsewhere(shown)) return logIn()
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

  return async <T>({ jid, credentials }: LoginWish, admin: string, logIn: () => Promise<T>): Promise<T> => {
    if (credentials.kind !== 'password' || credentials.user === undefined) return logIn()
    const shown: Shown = [userOf(`${credentials.user}@${jid.domain}`), credentials.password]
    const key = right.keyOf(shown)
    // Calls with the same account and password wait for each other, so that the right password counts once.
    for (let first = firsts.get(key); first !== undefined; first = firsts.get(key)) await first
    const isKnown = right.recall(key) !== undefined
    const login = isKnown ? logIn() : counted(shown, admin, logIn)
    const known = login.then(
      () => remember(shown, key),
      () => {},
    )
    if (!isKnown && !firsts.has(key)) {
      firsts.set(key, known)
      void known.then(() => firsts.delete(key))
    }
    return login
  }
}
