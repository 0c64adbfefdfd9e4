// What endpoints are made of, with a clock that stands still and names that need no DNS.
import type { Config, RemoteEndpoint } from '../../src/config/config.js'
import type { EndpointParts } from '../../src/remote/endpoint.js'
import { RemoteFault } from '../../src/remote/fault.js'
import type { LookupParts } from '../../src/remote/lookup.js'
import { FakeClock } from '../support/fake-clock.js'

export const usualEntry: RemoteEndpoint = { url: undefined, plain: false, ca: undefined, verify: true }

export const usualSettings: Config['remote'] = {
  attach: 'here',
  connectTimeout: 5,
  timeout: 5,
  maxReplyBytes: 65_536,
  headers: [],
}

/** Knows `localhost`, and nothing else but what it is told. */
export function namesOf(known: Readonly<Record<string, readonly string[]>> = {}): LookupParts['names'] {
  const all: typeof known = { localhost: ['127.0.0.1'], ...known }
  return { addressesOf: ({ host }) => all[host] ?? { step: 'resolve', code: 'host-unknown' } }
}

export function endpointParts(
  more: Partial<Omit<EndpointParts, 'clock' | 'lookup'>> & { lookup?: Partial<LookupParts> } = {},
): EndpointParts & { clock: FakeClock } {
  return {
    settings: usualSettings,
    tls: { minVersion: 'TLSv1.2', ciphers: undefined },
    ...more,
    clock: new FakeClock(),
    lookup: { names: namesOf(), found: false, publicOnly: false, ...more.lookup },
  }
}

/** Why something failed, without what is left of the error itself. */
export async function faultOf(promise: Promise<unknown>) {
  const error = await promise.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  )
  if (!(error instanceof RemoteFault)) throw error
  const { step, code, condition } = error.failure
  const known = condition === undefined ? {} : { condition }
  return { step, code, ...known, aftermath: error.aftermath }
}
