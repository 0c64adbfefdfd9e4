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
export class HashedToken {
  #secret: Buffer

  constructor(
    readonly mechanism: string,
    readonly user: string,
    readonly agent: UserAgent,
    secret: Buffer | string,
  ) {
    this.#secret = copyOf(secret)
  }

  /** In base64. */
  get secret(): string {
    return this.#secret.toString('base64')
  }

  replace(secret: string): void {
    this.#secret.fill(0)
    this.#secret = copyOf(secret)
  }

  proofOf(who: 'Initiator' | 'Responder', data: Buffer): Buffer {
    return createHmac('sha256', this.#secret).update(who).update(data).digest()
  }

  wipe(): void {
    this.#secret.fill(0)
    this.agent.giveBack()
  }
}

export interface UserAgent {
  /** A UUID. Servers store one token for each user agent. */
  readonly id: string
  giveBack(): void
}

/** HT-SHA-256-… (draft-schmaus-kitten-sasl-ht). Fails if the server sends no proof. */
export function hashedToken(token: HashedToken, link: LinkFacts): Mechanism {
  const { mechanism: name, user } = token
  const data = dataOf(name, link)
  if (data === undefined) throw new Problem('no-mechanism', { step: 'sasl', detail: `${name} needs another link.` })
  return {
    name,
    clientFirst: true,
    response: () => `${toByteString(user)}\0${token.proofOf('Initiator', data).toString('latin1')}`,
    challenge() {
      throw new Problem('remote-protocol-error', { step: 'sasl' })
    },
    success(final = '') {
      const expected = token.proofOf('Responder', data)
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

/** `Buffer.alloc` avoids Node's pool, in which a short buffer keeps 8 KiB in memory. */
function copyOf(secret: Buffer | string): Buffer {
  const bytes = Buffer.from(secret)
  const copy = Buffer.alloc(bytes.length)
  bytes.copy(copy)
  bytes.fill(0)
  return copy
}
