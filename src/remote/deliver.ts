import type { Step } from '../errors.js'
import type { Failure } from '../link.js'
import type { Endpoint } from './endpoint.js'
import { type EndpointReply, readReply } from './endpoint-reply.js'
import { RemoteFault, UnexpectedStatus } from './fault.js'

/** A request of a session. */
export interface Parcel {
  readonly body: string
  /** How long it may be held, in seconds. */
  readonly wait: number
  /** Whether it creates the session. */
  readonly creates: boolean
  readonly signal: AbortSignal
  /** Hears how far the connection has come. */
  readonly reached?: ((step: Step) => void) | undefined
  /** Hears when the request leaves, and whether over a connection that was made for it. */
  readonly leaves?: ((isNew: boolean) => void) | undefined
}

/** What endpoints that know the protocol's first version only mean by a status (XEP-0124 §17.1). */
const legacyConditions: Partial<Record<number, string>> = {
  400: 'bad-request',
  403: 'policy-violation',
  404: 'item-not-found',
}

/**
 * Posts a request and reads the reply. What breaks on the way is sent once more, rid and all: an endpoint that had it
 * already gives its reply again (XEP-0124 §14.3). Rejects with a `RemoteFault`.
 */
export async function deliver(endpoint: Endpoint, parcel: Parcel): Promise<EndpointReply> {
  try {
    return await post(endpoint, parcel, false)
  } catch (error) {
    const isBroken = error instanceof RemoteFault && error.aftermath === 'broke'
    if (!isBroken || parcel.signal.aborted) throw error
    return await post(endpoint, parcel, true)
  }
}

async function post(
  endpoint: Endpoint,
  { body, wait, creates, ...options }: Parcel,
  afresh: boolean,
): Promise<EndpointReply> {
  const reply = await endpoint.post(body, wait, { ...options, afresh })
  if (reply.status === 200) return readReply(reply.body, reply.fates)
  throw refused(reply.status, creates)
}

function refused(status: number, creates: boolean): RemoteFault {
  const cause = new UnexpectedStatus(status)
  const failure: Failure = { step: 'features', code: 'remote-connection-failed', cause }
  if (status >= 500) return new RemoteFault(failure, 'broke')
  const condition = legacyConditions[status]
  if (condition === undefined) return new RemoteFault(failure)
  // Nothing is there, or nothing for this name of a host.
  if (creates && status === 404) return new RemoteFault({ ...failure, step: 'connect', code: 'host-unknown' })
  return new RemoteFault({ ...failure, condition }, 'ended')
}
