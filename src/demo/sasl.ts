import { saslNamespace } from '../namespaces.js'
import { textOf } from '../xml/children.js'
import { startTagOf } from '../xml/document.js'
import type { Element } from '../xml/element.js'
import { readUtf8 } from '../xml/utf8.js'
import type { Accounts, ScramHash } from './accounts.js'
import { refuse, type ScramMove, ScramServer } from './scram-server.js'

/** The mechanisms offered, the strongest first. */
const scramHashes = new Map<string | undefined, ScramHash>([
  ['SCRAM-SHA-256', 'sha256'],
  ['SCRAM-SHA-1', 'sha1'],
])

export const mechanisms = `<mechanisms xmlns='${saslNamespace}'>${[...scramHashes.keys()]
  .map(name => `<mechanism>${name}</mechanism>`)
  .join('')}</mechanisms>`

/** SASL on one stream (RFC 6120 §6.4), for as many tries as the stream lets pass. */
export class Sasl {
  readonly #accounts: Accounts
  #scram: ScramServer | undefined

  constructor(accounts: Accounts) {
    this.#accounts = accounts
  }

  /** The server's next move, and how it is written. */
  receive(element: Element): { readonly move: ScramMove; readonly text: string } {
    const move = this.#move(element)
    if (move.kind !== 'challenge') this.#scram = undefined
    const content =
      move.kind === 'failure' ? `<${move.condition}/>` : Buffer.from(move.text).toString('base64')
    return { move, text: `<${move.kind} xmlns='${saslNamespace}'>${content}</${move.kind}>` }
  }

  #move({ name, text }: Element): ScramMove {
    const encoded = textOf(text).trim()
    if (name === 'auth') {
      const hash = scramHashes.get(startTagOf(text).attribute('mechanism'))
      if (hash === undefined) return refuse('invalid-mechanism')
      this.#scram = new ScramServer(hash, this.#accounts)
      // No initial response: an empty challenge asks for it (RFC 6120 §6.4.2).
      if (encoded === '') return { kind: 'challenge', text: '' }
    } else if (name === 'abort') return refuse('aborted')
    if (this.#scram === undefined || (name !== 'auth' && name !== 'response'))
      return refuse('malformed-request')
    const message = decode(encoded)
    return message === undefined ? refuse('incorrect-encoding') : this.#scram.next(message)
  }
}

/** Base64 of UTF-8, "=" for nothing (RFC 6120 §6.4.2); undefined for anything else. */
function decode(text: string): string | undefined {
  if (text === '=') return ''
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined
  return readUtf8(Buffer.from(text, 'base64'))
}
