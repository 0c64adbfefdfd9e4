import { withULabels } from '../../xmpp/jid/domains.js'
import { childrenOf, startTagOf, textOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'

/** In these names, servers change at most the case (RFC 6122, RFC 7622). */
const stableName = /^[a-z0-9._-]{1,1023}$/i

/** `authzid NUL authcid NUL password` (RFC 4616 §2). */
const plainMessage = /^([^\0]*)\0([^\0]+)\0[^\0]+$/
/** RFC 5802 §7. Extensions before the name are not matched, because servers refuse them. */
const scramMessage = /^(?:[ny]|p=[A-Za-z0-9.-]+),(?:a=([^,]*))?,n=([^,]+),r=[^,]+/

/** Learns the account that a login proves (RFC 6120 §6). In doubt, `account` is undefined. */
export class SaslAccount {
  readonly #domain: string
  #claimed: string | undefined
  #mayAnswer = false
  #isOrderly = true

  constructor(domain: string) {
    this.#domain = domain
  }

  get account(): string | undefined {
    return this.#isOrderly ? this.#claimed : undefined
  }

  sent(element: Element): void {
    if (element.name === 'auth') this.#claimed = accountIn(element, this.#domain)
    else if (!this.#mayAnswer || element.name !== 'response') this.disturbed()
    this.#mayAnswer = false
  }

  disturbed(): void {
    this.#isOrderly = false
  }

  challenged(): void {
    this.#mayAnswer = true
  }
}

function accountIn({ text }: Element, domain: string): string | undefined {
  if (childrenOf(text).length > 0) return undefined
  const data = textOf(text)
  const bytes = Buffer.from(data, 'base64')
  // The server may decode malformed Base64 differently, so only canonical Base64 counts.
  if (bytes.toString('base64') !== data) return undefined
  const mechanism = startTagOf(text).attribute('mechanism') ?? ''
  const form = mechanism === 'PLAIN' ? plainMessage : mechanism.startsWith('SCRAM-') ? scramMessage : undefined
  const [, authzid = '', name = ''] = form?.exec(bytes.toString()) ?? []
  if (!stableName.test(name)) return undefined
  const account = `${name.toLowerCase()}@${withULabels(domain)}`
  return authzid === '' || authzid.toLowerCase() === account ? account : undefined
}
