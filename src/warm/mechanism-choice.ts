import { Problem } from '../errors.js'
import type { LinkFacts } from '../exchange.js'
import { bindTo } from '../sasl/channel-binding.js'
import type { Mechanism } from '../sasl/mechanism.js'
import { OAuthBearer } from '../sasl/oauth-bearer.js'
import type { SaltedPasswords, Waiting } from '../sasl/salted-passwords.js'
import { Scram, type ScramName, type ScramParts } from '../sasl/scram.js'
import { anonymous, external, plain } from '../sasl/single-message.js'
import type { WarmRequest } from './binding.js'
import { formatJid } from './jid.js'
import type { Offer } from './offer.js'

export interface MechanismParts {
  /** What a password may be shown with, the mechanism liked best first. */
  readonly mechanisms: readonly string[]
  readonly saltedPasswords: SaltedPasswords
  readonly scramMaxIterations: number
}

/** What is true when a login has to choose. */
export interface Situation extends Offer {
  readonly link: LinkFacts
  /** Aborts with the login. */
  readonly waiting: Waiting
}

/**
 * The one mechanism that a login tries; none is tried after it (RFC 6120 §13.8). A password has the choice, everything
 * else has one mechanism. Throws `no-mechanism`.
 */
export function chooseMechanism(
  { jid, credentials }: WarmRequest,
  situation: Situation,
  parts: MechanismParts,
): Mechanism {
  const bareJid = formatJid({ ...jid, resource: undefined })
  /** Accounts that act for another user say for whom (RFC 6120 §6.3.8). */
  const byPassword = (user: string, password: string) =>
    passwordMechanism({ user, password, authzid: user === jid.local ? '' : bareJid }, situation, parts)
  switch (credentials.kind) {
    case 'password':
      return byPassword(credentials.user ?? jid.local, credentials.password)
    case 'service':
      return byPassword(credentials.account.user, credentials.account.password)
    case 'token': {
      const { mechanism, token } = credentials
      demand(mechanism, situation, situation.link.plainAllowed)
      return mechanism === 'OAUTHBEARER'
        ? new OAuthBearer(bareJid, token)
        : plain(jid.local, token, '', mechanism)
    }
    case 'certificate':
      demand('EXTERNAL', situation, situation.link.encrypted)
      return external(bareJid)
    case 'anonymous':
      demand('ANONYMOUS', situation, true)
      return anonymous()
  }
}

function passwordMechanism(
  who: Required<Pick<ScramParts, 'user' | 'password'>> & { readonly authzid: string },
  { mechanisms: offered, channelBindings, link, waiting }: Situation,
  { mechanisms, saltedPasswords, scramMaxIterations }: MechanismParts,
): Mechanism {
  const liked = who.authzid === '' ? mechanisms : plainFirst(mechanisms)
  const offersBinding = offered.some(isBound)
  const binding = liked.some(isBound)
    ? bindTo({ link, listed: offersBinding ? channelBindings : undefined })
    : undefined
  const usable = liked.filter(name => {
    if (!offered.includes(name)) return false
    if (isBound(name)) return binding !== undefined
    return name !== 'PLAIN' || link.plainAllowed
  })
  const unbound = usable.find(name => name !== 'PLAIN' && !isBound(name))
  let [name] = usable
  if (name === undefined) throw new Problem('no-mechanism', { step: 'sasl' })
  // There is one try, and a server that says too little may not know what it was meant to.
  if (isBound(name) && binding?.guessed) name = unbound ?? name
  if (name === 'PLAIN') return plain(who.user, who.password, who.authzid)
  const isMissed = !offersBinding && binding !== undefined
  return new Scram(name as ScramName, {
    channelBinding: isBound(name) ? binding : isMissed ? 'not-offered' : undefined,
    saltedPasswords,
    maxIterations: scramMaxIterations,
    waiting,
    ...who,
  })
}

/** Servers that let an account act for others by PLAIN may pass over whom it names in SCRAM, as ejabberd does. */
function plainFirst(mechanisms: readonly string[]): readonly string[] {
  return mechanisms.includes('PLAIN') ? ['PLAIN', ...mechanisms.filter(name => name !== 'PLAIN')] : mechanisms
}

/** Whether a mechanism is with channel binding (RFC 5802 §4). */
function isBound(name: string): boolean {
  return name.endsWith('-PLUS')
}

function demand(name: string, { mechanisms }: Situation, isAllowed: boolean): void {
  if (!mechanisms.includes(name))
    throw new Problem('no-mechanism', { step: 'sasl', detail: `The server does not offer ${name}.` })
  if (!isAllowed)
    throw new Problem('no-mechanism', { step: 'sasl', detail: `${name} needs an encrypted link.` })
}
