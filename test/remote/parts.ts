// Parts of endpoints, with a fake clock and without DNS.
import { expect } from '@jest/globals'
import { pino } from 'pino'
import type { Config, RemoteEndpoint } from '../../src/config/config.js'
import { Counts } from '../../src/lib/counts.js'
import { WaitingMemory } from '../../src/lib/limits/waiting-memory.js'
import { Phase } from '../../src/lib/phase.js'
import type { EndpointParts } from '../../src/remote/endpoint-discovery.js'
import { RemoteFault } from '../../src/remote/remote-fault.js'
import { createRemotes } from '../../src/remote/remotes.js'
import { FakeClock } from '../support/fake-clock.js'
import { noProxies, noStates } from '../support/link-parts.js'
import type { ScriptedEndpoint } from '../support/scripted-endpoint.js'
import { unnoted } from '../support/unlimited.js'

export const usualEntry: RemoteEndpoint = { url: undefined, allowsPlain: false, ca: undefined, verify: true }

export function namesOf(known: Readonly<Record<string, readonly string[]>> = {}): EndpointParts['names'] {
  const all: typeof known = { localhost: ['127.0.0.1'], ...known }
  return { addressesOf: ({ host }) => all[host] ?? { step: 'resolve', code: 'host-unknown' } }
}

export function endpointParts(more: Partial<Omit<EndpointParts, 'clock'>> = {}): EndpointParts & { clock: FakeClock } {
  return {
    ...{
      maxReplyBytes: 65_536,
      proxies: noProxies,
      about: usualEntry,
      names: namesOf(),
      port: 443,
      pseudonym: 'own',
      publicOnly: false,
    },
    ...more,
    clock: new FakeClock(),
  }
}

export function remotesOf(
  entries: Readonly<Record<string, Partial<RemoteEndpoint>>>,
  more: Partial<Pick<Config, 'domains' | 'servers' | 'remote'>> = {},
) {
  const clock = new FakeClock()
  const counts = new Counts()
  const phase = new Phase()
  const remotes = createRemotes({
    config: {
      ...{
        domains: ['far.example'],
        servers: new Map(),
        remote: { attach: 'here', headers: [] } as const,
        proxies: noProxies,
      },
      ...more,
      remotes: new Map(Object.entries(entries).map(([domain, about]) => [domain, { ...usualEntry, ...about }])),
    },
    names: namesOf({ 'inside.example': ['10.0.0.1'] }),
    ...{ waiting: new WaitingMemory(), states: noStates, onExhausted: unnoted, clock, counts, phase },
    pseudonym: 'own',
    // Nothing listens at this port.
    hostMetaPort: 1,
    log: pino({ level: 'silent' }),
  })
  return { remotes, clock, counts, phase }
}

/** A request that was sent before would have arrived. */
export async function staysUnasked(there: ScriptedEndpoint): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  expect(there.isAsked).toBe(false)
}

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
