// The server's side of a login, strict. Apart from `src`, so that a mistake there cannot hide behind the same mistake
// here.
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { isScram, type ScramMechanism, ScramServer } from './scram.js'
import type { Usual } from './server.js'

/** What the server says next; texts are as they were before base64. */
export type SaslAnswer = { readonly challenge: string } | { readonly success: string } | { readonly failure: string }

const refused: SaslAnswer = { failure: 'not-authorized' }
const separator = '\x01'

export class SaslServer {
  user = ''
  /** Whose session it becomes. */
  owner = ''
  readonly #usual: Usual
  readonly #socket: Socket
  readonly #complain: (complaint: string) => void
  #scram: ScramServer | undefined
  /** Whether the client has been told why its token is no good. */
  #tokenRefused = false

  constructor(usual: Usual, socket: Socket, complain: (complaint: string) => void) {
    this.#usual = usual
    this.#socket = socket
    this.#complain = complain
  }

  start(mechanism: string, text: string): SaslAnswer {
    // An empty text means no initial response, `=` an empty response (RFC 6120 §6.4.2).
    if (text === '') this.#complain('no initial response')
    const message = text === '=' ? '' : Buffer.from(text, 'base64').toString()
    if (!this.#usual.mechanisms.includes(mechanism)) {
      this.#complain(`a mechanism that is not offered: ${mechanism}`)
      return { failure: 'invalid-mechanism' }
    }
    if (isScram(mechanism)) return this.#startScram(mechanism, message)
    return mechanism === 'PLAIN' ? this.#plain(message) : this.#bearer(message)
  }

  respond(text: string): SaslAnswer {
    const message = Buffer.from(text, 'base64').toString()
    if (this.#tokenRefused) {
      if (message !== separator) this.#complain(`an error was answered with ${text}`)
      return refused
    }
    if (this.#scram === undefined) {
      this.#complain('a response without a challenge')
      return refused
    }
    const password = this.#usual.accounts[this.user]
    const proof = this.#scram.verify(message, password ?? '')
    if (this.#scram.complaint !== undefined) this.#complain(this.#scram.complaint)
    if (password === undefined || proof === undefined) return refused
    return this.#enter(this.user, this.#scram.authzid, proof)
  }

  #startScram(mechanism: ScramMechanism, message: string): SaslAnswer {
    const { salt } = this.#usual
    this.#scram = new ScramServer(mechanism, message, { salt, iterations: 4096, channel: () => undefined })
    if (this.#scram.complaint !== undefined) this.#complain(this.#scram.complaint)
    this.user = this.#scram.user
    return { challenge: this.#scram.serverFirst }
  }

  #plain(message: string): SaslAnswer {
    const [authzid = '', user = '', secret] = message.split('\0')
    this.user = user
    return secret !== undefined && this.#usual.accounts[user] === secret ? this.#enter(user, authzid) : refused
  }

  /** RFC 7628 §3.1. A refusal is a challenge with the reason. The failure follows the client's answer (§3.2.3). */
  #bearer(message: string): SaslAnswer {
    const [header = '', field = '', ...rest] = message.split(separator)
    const [, authzid] = /^n,a=([^,]+),$/.exec(header) ?? []
    const [, token] = /^auth=Bearer ([\x21-\x7e]+)$/.exec(field) ?? []
    if (authzid === undefined || token === undefined || rest.join('|') !== '|')
      this.#complain('no message of OAUTHBEARER')
    if (!(this.#socket instanceof TLSSocket)) this.#complain('a token in the clear')
    this.user = authzid?.split('@')[0] ?? ''
    if (token !== undefined && this.#usual.tokens[this.user] === token) return this.#enter(this.user, authzid!)
    this.#tokenRefused = true
    return { challenge: '{"status":"invalid_token","scope":"xmpp"}' }
  }

  /** Lets the user in; in the name of another user where that is allowed. */
  #enter(user: string, authzid: string, success = ''): SaslAnswer {
    const { domain, actors } = this.#usual
    this.user = user
    this.owner = authzid === '' ? user : authzid.slice(0, -domain.length - 1)
    if (authzid !== '' && authzid !== `${this.owner}@${domain}`) this.#complain(`no bare JID: ${authzid}`)
    if (this.owner !== user && !actors.includes(user)) return { failure: 'invalid-authzid' }
    return { success }
  }
}
