import { textOf } from '../xml/children.js'
import type { Element } from '../xml/element.js'
import { readUtf8 } from '../xml/utf8.js'
import type { Accounts } from './accounts.js'
import { type ScramMove, ScramServer, scramHashes } from './scram-server.js'
import { startOf } from './stanza.js'

export const saslNamespace = 'urn:ietf:params:xml:ns:xmpp-sasl'

export const mechanisms = `<mechanisms xmlns='${saslNamespace}'>${Object.keys(scramHashes)
  .map(name => `<mechanism>${name}</mechanism>`)
  .join('')}</mechanisms>`

/** What goes back for an element of SASL, and who is logged in by it. */
export interface SaslReply {
  readonly text: string
  readonly outcome: 'going-on' | 'failed' | { readonly account: string }
}

/** SASL on one stream (RFC 6120 §6.4), for as many tries as the stream lets pass. */
export class Sasl {
  readonly #accounts: Accounts
  #scram: ScramServer | undefined

  constructor(accounts: Accounts) {
    this.#accounts = accounts
  }

  receive(element: Element): SaslReply {
    const move = this.#move(element)
    if (move.kind === 'challenge') {
      return { text: write('challenge', move.text), outcome: 'going-on' }
    }
    this.#scram = undefined
    if (move.kind === 'success')
      return { text: write('success', move.text), outcome: { account: move.account } }
    return { text: `<failure xmlns='${saslNamespace}'><${move.condition}/></failure>`, outcome: 'failed' }
  }

  #move(element: Element): ScramMove {
    const text = textOf(element.text).trim()
    if (element.name === 'auth') {
      const hash = scramHashes[startOf(element).attributes['mechanism'] ?? '']
      if (hash === undefined) return failure('invalid-mechanism')
      this.#scram = new ScramServer(hash, this.#accounts)
      // No initial response: an empty challenge asks for it (RFC 6120 §6.4.2).
      if (text === '') return { kind: 'challenge', text: '' }
    } else if (element.name === 'abort') {
      return failure('aborted')
    } else if (element.name !== 'response' || this.#scram === undefined) {
      return failure('malformed-request')
    }
    const message = decode(text)
    return message === undefined ? failure('incorrect-encoding') : this.#scram.next(message)
  }
}

const failure = (condition: string): ScramMove => ({ kind: 'failure', condition })

function write(name: string, text: string): string {
  return `<${name} xmlns='${saslNamespace}'>${Buffer.from(text).toString('base64')}</${name}>`
}

/** Base64 of UTF-8, "=" for nothing (RFC 6120 §6.4.2); undefined for anything else. */
function decode(text: string): string | undefined {
  if (text === '=') return ''
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined
  return readUtf8(Buffer.from(text, 'base64'))
}
