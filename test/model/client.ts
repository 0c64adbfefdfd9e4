// A client that keeps all the rules: it counts, it never has more under way than agreed on, it sends again what
// got no reply, and it reads replies in the order of their rids.
import { createHash } from 'node:crypto'
import { auth, authenticate, bindRequest, boshNamespace, restart } from '../support/bosh-bench.js'

/** What the client asks for in its creation request. */
export interface Wishes {
  readonly wait: number
  readonly hold: number
  readonly acks: boolean
  readonly keys: boolean
  readonly legacy: boolean
  /** Logs in and binds at once, with no stream to be opened again. */
  readonly sasl2: boolean
}

export type Kind = 'stanzas' | 'pause' | 'restart' | 'terminate'

/** A request as the client made it; every copy of it has the same text. */
export interface Made {
  readonly rid: number
  readonly kind: Kind
  readonly text: string
  /** Numbers of the stanzas in it. */
  readonly stanzas: readonly number[]
  /** Seconds of a pause. */
  readonly pause: number
  /** Whether the first of the stanzas asks for a resource. */
  readonly binds: boolean
  /** Highest rid up to which it says that replies have come. */
  readonly ack: number
  copies: number
  reply: string | undefined
}

export const firstRid = 700
/** Fewer than the service takes, so that some are left to mend what was lost. */
const patience = 5

/** Where a page begins that takes a session over. */
interface Beginning {
  readonly sid: string
  /** The one before its first. */
  readonly rid: number
  /** How many stanzas were sent by the pages before. */
  readonly stanzas: number
}

export class ModelClient {
  readonly made = new Map<number, Made>()
  sid: string | undefined
  #rid: number
  #stanzas: number
  #chain: string[] = []
  /** Whether the stream was opened again, and nothing has been asked on it yet. */
  #bindsNext = false

  constructor(
    readonly wishes: Wishes,
    /** How many requests may be open at once. */
    readonly requests: number,
    beginning?: Beginning,
  ) {
    this.sid = beginning?.sid
    this.#rid = beginning?.rid ?? firstRid
    this.#stanzas = beginning?.stanzas ?? 0
  }

  /** A page that has been handed this one's session, and what it is to begin with. It knows no keys and no acks. */
  next(rid: number): ModelClient {
    const wishes = { ...this.wishes, acks: false, keys: false }
    return new ModelClient(wishes, this.requests, { sid: this.sid!, rid, stanzas: this.#stanzas })
  }

  creation(): Made {
    const { wait, hold, acks, keys, legacy, sasl2 } = this.wishes
    const more = (legacy ? '' : " ver='1.6'") + (acks ? " ack='1'" : '') + (keys ? this.#newChain() : '')
    const text = `<body rid='${firstRid}' to='chat.example' wait='${wait}' hold='${hold}'${more} xmlns='${boshNamespace}'>${sasl2 ? authenticate : auth}</body>`
    return this.#keep({ rid: firstRid, kind: 'stanzas', text, stanzas: [], pause: 0, binds: false, ack: 0 })
  }

  get lastRid(): number {
    return this.#rid
  }

  /** The requests whose reply has not come. */
  get outstanding(): Made[] {
    return [...this.made.values()].filter(({ reply }) => reply === undefined)
  }

  /** Up to here replies have come without a gap. */
  get receivedUpTo(): number {
    return (this.outstanding[0]?.rid ?? this.#rid + 1) - 1
  }

  /** Whether one more request, or one more that may exceed the limit, can be made now. */
  mayMake(kind: Kind): boolean {
    if (this.sid === undefined) return false
    const extra = kind === 'pause' || kind === 'terminate' ? 1 : 0
    return this.#rid - this.receivedUpTo < this.requests + extra
  }

  mayRepeat({ copies }: Made): boolean {
    return copies < patience - 1
  }

  make(kind: Kind, count: number, pause = 0): Made {
    const rid = ++this.#rid
    const binds = kind === 'stanzas' && this.#bindsNext
    this.#bindsNext = kind === 'restart' || (this.#bindsNext && !binds)
    const stanzas = Array.from({ length: count + (binds ? 1 : 0) }, () => this.#stanzas++)
    const ack = this.receivedUpTo < rid - 1 ? this.receivedUpTo : rid - 1
    const about =
      (kind === 'pause' ? ` pause='${pause}'` : '') +
      (kind === 'restart' ? ` ${restart}` : '') +
      (kind === 'terminate' ? " type='terminate'" : '') +
      (this.wishes.acks && ack < rid - 1 ? ` ack='${ack}'` : '') +
      (this.wishes.keys ? this.#nextKey() : '')
    const inner = stanzas
      .map((number, place) =>
        binds && place === 0 ? bindRequest(`c${number}`) : `<message xmlns='jabber:client' id='c${number}'/>`,
      )
      .join('')
    const text = `<body rid='${rid}' sid='${this.sid}'${about} xmlns='${boshNamespace}'>${inner}</body>`
    return this.#keep({ rid, kind, text, stanzas, pause, binds, ack })
  }

  #keep(request: Omit<Made, 'copies' | 'reply'>): Made {
    const made: Made = { ...request, copies: 0, reply: undefined }
    this.made.set(made.rid, made)
    return made
  }

  /** Numbers of the server's stanzas that the client has read, in the order in which it did. */
  get read(): number[] {
    const upTo = this.receivedUpTo
    return [...this.made.values()].filter(({ rid }) => rid <= upTo).flatMap(({ reply }) => numbersIn(reply!))
  }

  /** Keys are used from the last made to the first (XEP-0124 §15.2). */
  #newChain(): string {
    let key = `seed ${this.#rid}`
    this.#chain = Array.from({ length: 4 }, () => {
      key = createHash('sha1').update(key).digest('hex')
      return key
    })
    return ` newkey='${this.#chain.pop()}'`
  }

  #nextKey(): string {
    const key = ` key='${this.#chain.pop()}'`
    return this.#chain.length === 0 ? key + this.#newChain() : key
  }
}

/** Numbers of the server's stanzas in a reply. */
export function numbersIn(reply: string): number[] {
  return [...reply.matchAll(/ id='s(\d+)'/g)].map(([, number]) => Number(number))
}
