import { createHmac, timingSafeEqual } from 'node:crypto'
import { Problem } from '../../../lib/errors.js'
import type { ChannelBindingType, LinkFacts } from '../../../xmpp/link.js'
import { type Mechanism, toByteString } from './mechanism.js'

/** Best channel binding first. */
const bindings: Readonly<Record<string, ChannelBindingType | undefined>> = {
  'HT-SHA-256-EXPR': 'tls-exporter',
  'HT-SHA-256-UNIQ': 'tls-unique',
  'HT-SHA-256-ENDP': 'tls-server-end-point',
  'HT-SHA-256-NONE': undefined,
}

export function tokenMechanism(offered: readonly string[], link: LinkFacts): string | undefined {
  return Object.keys(bindings).find(name => offered.includes(name) && dataOf(name, link) !== undefined)
}

/** A FAST token (XEP-0484), for one mechanism and user agent. Secret. */
export interface HashedToken {
  readonly mechanism: string
  readonly user: string
  /** The id of the user agent. */
  readonly agent: string
  /** In base64. */
  secret: string
  /** Releases the user agent. Only the process that made it can do this. */
  readonly giveBack?: () => void
}

/** HT-SHA-256-… (draft-schmaus-kitten-sasl-ht). Fails if the server sends no proof. */
export function hashedToken(token: HashedToken, link: LinkFacts): Mechanism {
  const { mechanism: name, user, secret } = token
  const data = dataOf(name, link)
  if (data === undefined) throw new Problem('no-mechanism', { step: 'sasl', detail: `${name} needs another link.` })
  const proofOf = (who: 'Initiator' | 'Responder') =>
    createHmac('sha256', Buffer.from(secret, 'base64')).update(who).update(data).digest()
  return {
    name,
    response: () => `${toByteString(user)}\0${proofOf('Initiator').toString('latin1')}`,
    challenge() {
      throw new Problem('remote-protocol-error', { step: 'sasl' })
    },
    success(final = '') {
      const expected = proofOf('Responder')
      const given = Buffer.from(final, 'latin1')
      if (given.length !== expected.length || !timingSafeEqual(given, expected))
        throw new Problem('server-not-authentic', { step: 'sasl' })
    },
  }
}

function dataOf(name: string, link: LinkFacts): Buffer | undefined {
  const type = bindings[name]
  return type === undefined ? Buffer.alloc(0) : link.channelBinding?.(type)
}
