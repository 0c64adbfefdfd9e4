import { problems } from '../lib/errors.js'
import type { Failure } from '../xmpp/link.js'

/** `broke`: the request can be repeated. `ended`: the endpoint has ended the session, or does not know it. */
type Aftermath = 'broke' | 'ended' | 'none'

export class RemoteFault extends Error {
  override readonly name = 'RemoteFault'

  constructor(
    readonly failure: Failure,
    readonly aftermath: Aftermath = 'none',
  ) {
    super(failure.code, failure.cause === undefined ? undefined : { cause: failure.cause })
  }
}

/** After an error that may pass, the request can be repeated. */
export function connectionFault(failure: Failure): RemoteFault {
  return new RemoteFault(failure, problems[failure.code].retry ? 'broke' : 'none')
}

export function protocolFault(cause?: unknown): RemoteFault {
  return new RemoteFault({ step: 'features', code: 'remote-protocol-error', cause })
}

export function unexpectedStatus(status: number): Error {
  return Object.assign(new Error(`the endpoint answered with HTTP ${status}`), { code: `HTTP ${status}` })
}
