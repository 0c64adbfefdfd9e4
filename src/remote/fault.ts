import type { Failure } from '../xmpp/link.js'

/** What a fault leaves: a request that `broke` may be sent once more, a session that has `ended` needs no end. */
export type Aftermath = 'broke' | 'ended' | 'none'

/** Why an exchange with a remote endpoint came to nothing. */
export class RemoteFault extends Error {
  override readonly name = 'RemoteFault'

  constructor(
    readonly failure: Failure,
    readonly aftermath: Aftermath = 'none',
  ) {
    super(failure.code, failure.cause === undefined ? undefined : { cause: failure.cause })
  }
}

/** A reply with another status than 200, as the cause of a fault. */
export function unexpectedStatus(status: number): Error {
  return Object.assign(new Error(`the endpoint answered with HTTP ${status}`), { code: `HTTP ${status}` })
}
