import type { Request, Response } from 'express'
import type { Config } from '../../config/config.js'
import { isForwardedByPeer } from '../../forwarding/peer-listener.js'
import { countedAddress, takesPasswords } from '../../http/access/client-rules.js'
import { clientOf, countedClientOf } from '../../lib/client-network.js'
import { limitDetail } from '../../lib/counts.js'
import { Problem } from '../../lib/errors.js'
import { KeyedQueue } from '../../lib/limits/keyed-queue.js'
import type { OnRefused } from '../../lib/limits/reached-limits.js'
import { isSameName } from '../../servers/login/bound-user.js'
import type { SessionLimits } from '../../session/limits/session-limits.js'
import { parseJid } from '../../xmpp/jid/jid.js'
import type { CallLimits } from '../call-limits.js'
import { isServiceAccount } from '../warming/warm-request.js'
import { type Guest, type Guests, isGuestToken } from './guests.js'
import { refused as refusedToken } from './page-claims.js'
import type { PageTokens, PageUser } from './page-tokens.js'
import type { TrySeveral } from './token-signatures.js'

export interface PageAuthenticationParts {
  readonly config: Config
  readonly clientLimits: Pick<SessionLimits, 'isTooOften'>
  readonly callLimits: Pick<CallLimits, 'newGuests' | 'refusedSignOuts'>
  /** Undefined if only guests log in. */
  readonly pageTokens: Pick<PageTokens, 'userOf'> | undefined
  readonly guests: Guests
  readonly refused: OnRefused
}

/** Checks that run at once for each client, so that few begin before their refusals count. */
const checksAtOnce = 2

interface PageCaller extends PageUser {
  /** Undefined for a user of the portal. */
  readonly guest?: Guest | undefined
}

/** Pages log in with a token of their portal, or as guests. */
export function createPageAuthentication(
  parts: PageAuthenticationParts,
  countSignOut: (user: PageUser) => Promise<void>,
) {
  const { config, clientLimits, callLimits, pageTokens, guests, refused } = parts
  const { newGuests, refusedSignOuts } = callLimits
  const isSafe = takesPasswords(config)
  const users = new WeakMap<Request, PageCaller>()
  const tooMany = (address: string): Problem => {
    refused('rate', { address })
    return new Problem('too-many-requests', { detail: limitDetail('rate') })
  }
  const signOutChecks = createSignOutChecks(refusedSignOuts, config, tooMany)

  async function countGuest(response: Response, address: string): Promise<void> {
    const client = countedClientOf(address, config.trustedProxies)
    if (client === undefined) return
    const retryAfterSeconds = await newGuests.take(client)
    if (retryAfterSeconds !== undefined) {
      refused('guests-address', { address })
      throw new Problem('too-many-requests', { retryAfterSeconds, detail: limitDetail('guests-address') })
    }
    // Also if another process has answered. A caller who left before the answer counts.
    response.once('finish', () => {
      if (response.statusCode >= 400) newGuests.giveBack(client).catch(() => {})
    })
  }

  async function newGuest(request: Request, response: Response, address: string): Promise<PageCaller> {
    const domain = demandGuestCall(request, guests)
    if (!isForwardedByPeer(request)) await countGuest(response, address)
    return guestUser(guests.create(domain))
  }

  async function userIn(token: string, trySeveral?: TrySeveral): Promise<PageCaller> {
    if (isGuestToken(token)) return guestUser(guests.guestOf(token))
    if (pageTokens === undefined)
      throw refusedToken('It is no token of a guest. Other tokens need PAGE_TOKEN_SECRET_FILE.')
    const user = await pageTokens.userOf(token, trySeveral)
    demandOrdinaryUser(user.jid, config)
    return user
  }

  return {
    userOf: (request: Request): PageCaller => users.get(request)!,

    async authenticate(request: Request, response: Response): Promise<void> {
      if (!isSafe(request)) throw new Problem('insecure-channel', { setting: 'ASSUME_SECURE' })
      const address = countedAddress(request, config)
      const isSignOut = request.method === 'DELETE'
      if (!isSignOut && !isForwardedByPeer(request) && (await clientLimits.isTooOften(address))) throw tooMany(address)
      const token = bearerIn(request.headers.authorization)
      try {
        const user =
          token === undefined
            ? await newGuest(request, response, address)
            : await userIn(token, isSignOut ? signOutChecks(address) : undefined)
        users.set(request, user)
        if (isSignOut) await countSignOut(user)
      } catch (error) {
        if (!(error instanceof Problem) || error.code !== 'invalid-token') throw error
        const { retryAfterSeconds, detail } = error
        // A sign-out must not fail because of a stranger, whose token has caused the last fetch of keys.
        if (isSignOut && retryAfterSeconds !== undefined)
          throw new Problem('keys-unavailable', { retryAfterSeconds, detail })
        response.set('WWW-Authenticate', token === undefined ? 'Bearer' : 'Bearer error="invalid_token"')
        throw error
      }
    },
  }
}

/** Returns the domain of guests. */
function demandGuestCall({ method, headers }: Request, { domain }: Guests): string {
  if (domain === undefined)
    throw new Problem('invalid-token', {
      detail: 'The call needs a token: send it as Authorization: Bearer.',
      setting: 'PAGE_GUESTS',
    })
  if (method === 'DELETE')
    throw new Problem('invalid-token', { detail: 'A sign-out needs a token: send it as Authorization: Bearer.' })
  if (headers.origin === undefined)
    throw new Problem('cross-site-request', {
      detail: 'A guest has no token, so the call needs the header Origin, with an origin of PAGE_ORIGINS.',
      setting: 'PAGE_ORIGINS',
    })
  return domain
}

export function demandOrdinaryUser(text: string, { pages, serviceAccounts, accountMakers }: Config): void {
  if (pages.login !== 'service') return
  const jid = parseJid(text)!
  const maker = accountMakers.get(jid.domain)
  const isMaker = maker !== undefined && isSameName(maker, jid.local)
  if (!isMaker && !isServiceAccount(jid, serviceAccounts)) return
  const setting = isMaker ? 'XMPP_CREATE_ACCOUNTS' : 'XMPP_SERVICE_ACCOUNTS'
  throw refusedToken(`Its user is the account in ${setting}. The portal must give no user the name of this account.`)
}

const guestUser = (guest: Guest): PageCaller => ({ jid: guest.jid, visit: guest.visit, guest })

/** RFC 6750 §2.1. */
function bearerIn(authorization: string | undefined): string | undefined {
  return /^Bearer +([^ ]+) *$/i.exec(authorization ?? '')?.[1]
}

/**
 * A sign-out must not fail because of others behind the same address. So only tokens are limited for which several keys
 * must be tried, because each key takes milliseconds. Backends sign out all users from one address, so only refused
 * tokens count.
 */
export function createSignOutChecks(
  refused: CallLimits['refusedSignOuts'],
  { trustedProxies }: Pick<Config, 'trustedProxies'>,
  tooMany: (address: string) => Error,
) {
  const queue = new KeyedQueue(checksAtOnce)
  return (address: string): TrySeveral =>
    attempt =>
      queue.run(clientOf(address), async () => {
        const client = countedClientOf(address, trustedProxies)
        if (client !== undefined && (await refused.wait(client)) !== undefined) throw tooMany(address)
        try {
          return await attempt()
        } catch (error) {
          if (client !== undefined) await refused.take(client)
          throw error
        }
      })
}
