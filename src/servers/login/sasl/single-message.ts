import { Problem } from '../../../lib/errors.js'
import { type Mechanism, toByteString } from './mechanism.js'

/**
 * SASL PLAIN (RFC 4616): user and password in the clear, for encrypted links only. X-OAUTH2 of Google and ejabberd and
 * X-TOKEN of Prosody's modules have a token in place of the password. With an empty `authzid` the user acts for themself.
 */
export function plain(user: string, secret: string, authzid = '', name = 'PLAIN'): Mechanism {
  return singleMessage(name, `${authzid}\0${user}\0${secret}`)
}

/** SASL EXTERNAL (RFC 4422 Appendix A): the link's certificate is the proof, the message only says for which user. */
export function external(authzid: string): Mechanism {
  return singleMessage('EXTERNAL', authzid)
}

/** SASL ANONYMOUS (RFC 4505), which leaves no trace (XEP-0175 §4). */
export function anonymous(): Mechanism {
  return singleMessage('ANONYMOUS', '')
}

/** A mechanism that is over with the client's first message. */
function singleMessage(name: string, message: string): Mechanism {
  return {
    name,
    clientFirst: true,
    response: () => toByteString(message),
    challenge() {
      // There is nothing that a server could ask; a password or a token must not be sent a second time.
      throw new Problem('remote-protocol-error', { step: 'sasl' })
    },
    success() {},
  }
}
