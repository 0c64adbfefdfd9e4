import type { Failure } from '../link.js'

/**
 * What may still be done about a session after a fault: the same request may be sent once more where the exchange
 * `broke`, nothing is left to end where the endpoint has `ended` the session.
 */
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
