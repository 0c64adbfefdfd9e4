// Parts of links that most tests do not look at.
import { pino } from 'pino'
import type { Config, Server } from '../../src/config/config.js'
import type { Clock } from '../../src/lib/clock.js'
import { WaitingMemory } from '../../src/lib/limits/waiting-memory.js'
import { createDialer, type DialerParts } from '../../src/servers/c2s/dial.js'
import type { LinksParts } from '../../src/servers/c2s/links.js'
import { createNameLookup } from '../../src/servers/net/name-lookup.js'
import type { StateLookup } from '../../src/servers/net/server-states.js'
import { unnoted } from './unlimited.js'

/** The server of the settings; tests say where it is. */
export const usualServer: Server = {
  ...{ host: '127.0.0.1', port: 0, tls: 'none', allowsPlain: false },
  ...{ ca: undefined, verify: true, certificate: undefined },
}

export const noProxies: Config['proxies'] = { https: undefined, http: undefined, excluded: [] }

export const noStates: StateLookup = { ofEntry: () => undefined, ofFound: () => undefined }

export function dialerParts(clock: Clock, more: Partial<DialerParts> = {}): DialerParts {
  return {
    names: createNameLookup({ clock, local: true }),
    clock,
    publicOnly: false,
    descriptors: { expected: 0 },
    states: noStates,
    onExhausted: unnoted,
    ...more,
  }
}

/** Without spare links. `server` is for all domains. */
export function linksParts(clock: Clock, server: Server, more: Partial<LinksParts> = {}): LinksParts {
  return {
    config: { servers: new Map([['*', server]]) },
    dialer: createDialer(dialerParts(clock)),
    certificates: { note() {} },
    clock,
    stepSeconds: 10,
    spare: { most: 0, hasRoom: () => false },
    waiting: new WaitingMemory(),
    log: pino({ level: 'silent' }),
    ...more,
  }
}
