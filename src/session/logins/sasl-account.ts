import { withULabels } from '../../xmpp/jid/domains.js'
import { childrenOf, startTagOf, textOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'

/** Names that all servers normalize alike, except for their case (RFC 6122, RFC 7622). */
const plainName = /^[a-z0-9._-]{1,1023}$/i

/** `authzid NUL authcid NUL password` (RFC 4616 §2). */
const plainMessage = /^([^\0]*)\0([^\0]+)\0[^\0]+$/
/** The first message of a client (RFC 5802 §7): a server that does not know an extension in front of the name refuses it. */
const scramMessage = /^(?:[ny]|p=[A-Za-z0-9.-]+),(?:a=([^,]*))?,n=([^,]+),r=[^,]+/

/**
 * Follows the SASL exchanges of a client, to learn as which account it logs in (RFC 6120 §6). Knows the account only if there is
 * no doubt which message of the client the server has accepted, and whom that names.
 */
export class SaslAccount {
  readonly #domain: string
  #claimed: string | undefined
  #mayAnswer = false
  /** Whether each outcome can still be matched to its message: a server answers each message out of turn with a failure. */
  #isOrderly = true

  constructor(domain: string) {
    this.#domain = domain
  }

  /** The bare JID of the account, once the server has let the client in. */
  get account(): string | undefined {
    return this.#isOrderly ? this.#claimed : undefined
  }

  /** Reads what the client sends in an exchange. */
  sent(element: Element): void {
    if (element.name === 'auth') this.#claimed = accountIn(element, this.#domain)
    else if (!this.#mayAnswer || element.name !== 'response') this.disturbed()
    this.#mayAnswer = false
  }

  /** The client has sent something else in the middle of an exchange: it may begin another before this one is over. */
  disturbed(): void {
    this.#isOrderly = false
  }

  /** The server has sent a challenge. */
  challenged(): void {
    this.#mayAnswer = true
  }
}

/** The bare JID of the account whose password an `<auth/>` proves. Undefined if it acts for another, or in doubt. */
export function accountIn({ text }: Element, domain: string): string | undefined {
  if (childrenOf(text).length > 0) return undefined
  const data = textOf(text)
  const bytes = Buffer.from(data, 'base64')
  // Decoders differ in which faults they accept.
  if (bytes.toString('base64') !== data) return undefined
  const mechanism = startTagOf(text).attribute('mechanism') ?? ''
  const form =
    mechanism === 'PLAIN' ? plainMessage : mechanism.startsWith('SCRAM-') ? scramMessage : undefined
  const [, authzid = '', name = ''] = form?.exec(bytes.toString()) ?? []
  if (!plainName.test(name)) return undefined
  const account = `${name.toLowerCase()}@${withULabels(domain)}`
  return authzid === '' || authzid.toLowerCase() === account ? account : undefined
}
