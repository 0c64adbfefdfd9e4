import { randomBytes } from 'node:crypto'
import type { Logger } from 'pino'
import type { Config } from '../../config/config.js'
import { accountFor } from '../../config/serving.js'
import { CallerGone, type CallerSignal, orGone, withDeadline } from '../../lib/caller-gone.js'
import { pause, systemClock } from '../../lib/clock.js'
import type { Counts } from '../../lib/counts.js'
import { Problem } from '../../lib/errors.js'
import { forgetOldest } from '../../lib/limits/forget-oldest.js'
import { KeyedQueue } from '../../lib/limits/keyed-queue.js'
import type { KeyedRate } from '../../lib/limits/rates.js'
import type { OnRefused } from '../../lib/limits/reached-limits.js'
import { foreignText } from '../../lib/text/foreign-text.js'
import { withULabels } from '../../xmpp/jid/domains.js'
import { formatBareJid, type Jid } from '../../xmpp/jid/jid.js'
import type { OpenLink } from '../../xmpp/link.js'
import { isNamed } from '../../xmpp/namespaces.js'
import { childrenOf, startTagOf, textOf } from '../../xmpp/xml/document.js'
import { escapeXml } from '../../xmpp/xml/escape.js'
import { isSameName } from './bound-user.js'
import type { LoginParts } from './login.js'
import { operatorLogin } from './login-request.js'
import { stanzaErrorIn } from './refusals.js'
import { openShortStream, type ShortStream } from './short-stream.js'

/** In a second and domain: who can log in anybody must not fill the server's disk unseen. */
export const mostAccountsPerSecond = 20
const mostKnown = 50_000
/** Logins of a domain that wait for their turn. */
const mostWaiting = 1000
/** Until the limit is asked again. */
const pauseMilliseconds = 50

/** Of RFC 2142, and of admins. */
const reserved = ['abuse', 'admin', 'administrator', 'hostmaster', 'postmaster', 'root', 'security', 'webmaster']

const maybeMade = 'The caller left before the answer: the server may have made the account.'

const commandNamespace = 'http://jabber.org/protocol/commands'
const addUser = 'http://jabber.org/protocol/admin#add-user'

interface CreatedAccountsParts {
  /** A reload changes its values. */
  readonly config: Pick<Config, 'accountMakers' | 'loginKeys' | 'serviceAccounts'>
  readonly login: LoginParts
  readonly connect: OpenLink
  /** By domain. Its window is a second. */
  readonly rate: KeyedRate
  readonly refused: OnRefused
  readonly counts: Pick<Counts, 'accounts'>
  readonly audit: Logger
}

interface Wish {
  readonly caller: CallerSignal
  /** Aborts with the caller, and at the deadline. */
  readonly signal: CallerSignal
  readonly card: Card | undefined
}

interface Attempt {
  readonly outcome: 'made' | 'known' | 'failed'
  /** False if the server may have made the account without saying so. */
  readonly isAnswered: boolean
  readonly error?: unknown
}

/** For the vCard (XEP-0054), which the user's contacts see. */
export interface Card {
  readonly name: string
  readonly address: string | undefined
}

/** Makes accounts before the first login of their users, by an admin of the XMPP server (XEP-0133 §4.1). */
export class CreatedAccounts {
  readonly #parts: CreatedAccountsParts
  /** Bare JIDs. The oldest are forgotten, and asked for again. */
  readonly #known = new Map<string, true>()
  /** By bare JID. Resolve with false if the attempt must be repeated. Never reject. */
  readonly #running = new Map<string, Promise<boolean>>()
  /** By domain. The first in the queue waits until the limit allows another account. */
  readonly #turns = new KeyedQueue(1)

  constructor(parts: CreatedAccountsParts) {
    this.#parts = parts
  }

  /**
   * For users that the caller has verified. Takes at most as long as a step of a login. If the account cannot be made,
   * the login goes on, and the server decides. Throws a `Problem` if too many others wait for an account.
   */
  async ensure(jid: Jid, caller: CallerSignal, card?: Card): Promise<void> {
    const { config, login } = this.#parts
    const maker = config.accountMakers.get(jid.domain)
    if (maker === undefined || this.#isReserved(jid, maker) || this.#known.has(formatBareJid(jid))) return
    await withDeadline(caller, login.stepTimeout * 1000, async signal => {
      try {
        await this.#ensureOnce(jid, maker, { signal, caller, card })
      } catch (error) {
        if (caller.aborted || error !== signal.reason) throw error
        throw this.#tooMany(jid.domain)
      }
    })
  }

  /** After a refused login: the account may have been deleted. */
  forget(jid: Jid): void {
    this.#known.delete(formatBareJid(jid))
  }

  async #ensureOnce(jid: Jid, maker: string, wish: Wish): Promise<void> {
    const user = formatBareJid(jid)
    // Logins of a user at the same time count as one new account. If the first caller leaves, another login takes over.
    for (let first = this.#running.get(user); first !== undefined; first = this.#running.get(user))
      if (await orGone(first, wish.signal)) return
    const work = this.#ensureNew(jid, maker, wish)
    const isDone = work.then(
      () => true,
      () => false,
    )
    this.#running.set(user, isDone)
    try {
      await work
    } finally {
      this.#running.delete(user)
    }
  }

  async #ensureNew(jid: Jid, maker: string, { caller, signal, card }: Wish): Promise<void> {
    const { domain } = jid
    const user = formatBareJid(jid)
    const { counts, audit, rate } = this.#parts
    await this.#takeTurn(domain, signal)
    const takenAt = performance.now()
    const { outcome, isAnswered, error } = await this.#make(jid, maker, signal)
    // After a restart, all users are asked for again. If the service may make no accounts, logins must go on.
    const isOfThisWindow = performance.now() - takenAt < 1000
    if (outcome !== 'made' && isAnswered && isOfThisWindow) await rate.giveBack(domain)
    const hasLeft = outcome === 'failed' && caller.aborted
    if (hasLeft && isAnswered) throw error
    counts.accounts[outcome] += 1
    if (hasLeft) {
      this.#note(error, user, maybeMade)
      throw error
    }
    if (outcome === 'failed') return this.#note(error, user, signal.aborted ? 'Limit: WARM_TIMEOUT.' : undefined)
    this.#known.set(user, true)
    forgetOldest(this.#known, mostKnown)
    if (outcome === 'known') return
    audit.info({ jid: user, code: 'ok' }, 'account')
    // The login does not wait for it.
    if (card !== undefined) void this.#writeCard(jid, card).catch(error => this.#note(error, user))
  }

  /** Below the limit, counts a new account of the domain. */
  async #takeTurn(domain: string, signal: CallerSignal): Promise<void> {
    const { rate } = this.#parts
    if (this.#turns.waiting(domain) >= mostWaiting) throw this.#tooMany(domain)
    const takeOne = async () => {
      while ((await rate.take(domain)) !== undefined) {
        await rate.giveBack(domain)
        await orGone(pause(systemClock, pauseMilliseconds), signal)
      }
    }
    await this.#turns.run(domain, takeOne, { signal })
  }

  #tooMany(domain: string): Problem {
    this.#parts.refused('accounts', { domain })
    const detail = `The limit is ${mostAccountsPerSecond} new accounts of a domain in a second.`
    return new Problem('temporary-auth-failure', { step: 'sasl', retryAfterSeconds: 1, detail })
  }

  #note(error: unknown, user: string, limit?: string): void {
    const problem = error instanceof Problem ? error : new Problem('internal-error', { cause: error })
    const { code, step, condition, server } = problem
    const detail = limit ?? problem.detail
    this.#parts.audit.warn({ jid: user, code, step, condition, detail, server }, 'account')
  }

  #isReserved({ local, domain }: Jid, maker: string): boolean {
    const account = accountFor(this.#parts.config.serviceAccounts, domain)
    return [maker, account?.user ?? maker, ...reserved].some(name => isSameName(name, local))
  }

  async #make({ local, domain }: Jid, maker: string, signal: CallerSignal): Promise<Attempt> {
    let stream: ShortStream | undefined
    let isAnswered = true
    try {
      stream = await this.#logIn({ local: maker, domain, resource: undefined }, signal)
      const server = withULabels(domain)
      const form = commandIn(await stream.ask(server, command('', " action='execute'")))
      const session = escapeXml(startTagOf(form).attribute('sessionid') ?? '')
      const password = randomBytes(24).toString('base64url')
      const fields = { accountjid: formatBareJid({ local, domain }), password, 'password-verify': password }
      isAnswered = false
      const answer = await stream.ask(server, command(submitted(fields), ` sessionid='${session}'`))
      isAnswered = true
      return { outcome: isMade(answer) ? 'made' : 'known', isAnswered }
    } catch (error) {
      return { outcome: 'failed', isAnswered, error }
    } finally {
      stream?.close()
    }
  }

  /** The users themselves write their vCards. */
  async #writeCard(jid: Jid, { name, address }: Card): Promise<void> {
    const { local, domain } = jid
    const stream = await this.#logIn({ local, domain, resource: undefined }, new CallerGone())
    const email = address && `<EMAIL><INTERNET/><USERID>${escapeXml(address)}</USERID></EMAIL>`
    const card = `<vCard xmlns='vcard-temp'><FN>${escapeXml(name)}</FN>${email ?? ''}</vCard>`
    try {
      const condition = stanzaErrorIn(await stream.ask(formatBareJid(jid), card))
      const detail = 'It takes no vCard for the new account (XEP-0054).'
      if (condition !== undefined) throw new Problem('remote-protocol-error', { step: 'bind', condition, detail })
    } finally {
      stream.close()
    }
  }

  async #logIn(jid: Jid, caller: CallerSignal): Promise<ShortStream> {
    const { config, connect, login: parts } = this.#parts
    const credentials = operatorLogin(config, jid.domain)
    if (credentials === undefined) throw new Problem('no-mechanism', { step: 'sasl' })
    const isItself = credentials.kind === 'service' && isSameName(credentials.account.user, jid.local)
    const own = isItself ? ({ kind: 'password', password: credentials.account.password } as const) : credentials
    return await openShortStream(parts, connect, { jid, credentials: own }, caller)
  }
}

const command = (content: string, attributes: string) =>
  `<command xmlns='${commandNamespace}' node='${addUser}'${attributes}>${content}</command>`

function submitted(fields: Readonly<Record<string, string>>): string {
  const all = { FORM_TYPE: 'http://jabber.org/protocol/admin', ...fields }
  const texts = Object.entries(all).map(
    ([name, value]) => `<field var='${name}'><value>${escapeXml(value)}</value></field>`,
  )
  return `<x xmlns='jabber:x:data' type='submit'>${texts.join('')}</x>`
}

function isMade(iq: string): boolean {
  if (stanzaErrorIn(iq) === 'conflict') return false
  // Prosody answers with a note, without an error.
  const notes = childrenOf(commandIn(iq)).filter(({ name }) => name === 'note')
  const mistake = notes.find(({ text }) => startTagOf(text).attribute('type') === 'error')
  if (mistake === undefined) return true
  const words = textOf(mistake.text).split(' ', 12).map(foreignText).join(' ')
  if (/exist/i.test(words)) return false
  throw new Problem('remote-protocol-error', { step: 'bind', detail: `It made no account: ${words}` })
}

function commandIn(iq: string): string {
  const found = childrenOf(iq).find(isNamed('command', commandNamespace))
  if (found !== undefined && startTagOf(iq).attribute('type') === 'result') return found.text
  throw new Problem('remote-protocol-error', { step: 'bind', condition: stanzaErrorIn(iq), detail })
}

const detail = 'It does not let the account of XMPP_CREATE_ACCOUNTS add users (XEP-0133): is it an admin there?'
