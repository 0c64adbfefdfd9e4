import type { Router } from 'express'
import type { Logger } from 'pino'
import { createApp } from './app.js'
import { createConnectionManager } from './bosh/exchange.js'
import { createBoshListener } from './bosh/listener.js'
import { outboxLimits } from './bosh/outbox.js'
import { Registry } from './bosh/registry.js'
import { Links } from './c2s/links.js'
import { type Clock, systemClock } from './clock.js'
import type { Config } from './config/config.js'
import { HashQueue } from './hash-queue.js'
import { atPath, listen } from './http/listening.js'
import { SaltedPasswords } from './sasl/salted-passwords.js'
import type { Upstream } from './sessions.js'
import type { Login } from './warm/binding.js'
import { createLogin } from './warm/login.js'

/** Longest BOSH request body, in bytes. */
const maxBodyBytes = 512 * 1024
/** How long pages that ask nothing at the moment of the stop have to ask and be told, in milliseconds. */
const farewellMilliseconds = 1_000
/** Longest time between asking the service to stop and its end, in milliseconds. */
const stopMilliseconds = 8_000

/** A running service. */
export interface Service {
  /** Where it listens, such as `http://127.0.0.1:8080`. */
  readonly url: string
  /** What is open in this moment; all zero once everybody has left. */
  counts(): { sessions: number; links: number }
  /** Refuses new sessions, answers every open request, closes the streams and ends. */
  stop(): Promise<void>
}

export interface ServiceParts {
  readonly config: Config
  readonly log: Logger
  readonly clock?: Clock
  /** Further routes, such as the demo's page, made once the login exists. */
  readonly routers?: (parts: { login: Login; release: (id: string) => void }) => readonly Router[]
}

/** Builds the parts from the bottom up, hands each its collaborators, and listens. Rejects if the port is taken. */
export async function startService({
  config,
  log,
  clock = systemClock,
  routers,
}: ServiceParts): Promise<Service> {
  const links = new Links({ servers: config.servers, keepalive: config.keepalive, tls: config.tls, clock })
  const hashes = new HashQueue()
  const registry = new Registry(clock, ({ id }, err) => log.error({ session: id, err }, 'a session failed'))
  const manager = createConnectionManager({
    registry,
    domains: config.domains,
    retiredDomains: config.retiredDomains,
    terms: config.bosh,
    requireSecure: config.bosh.requireSecure,
    secureUrl: config.externalUrl?.startsWith('https:') ? config.externalUrl + config.boshPath : undefined,
    outboxLimits,
    connect: (domain, options, events) => links.open(domain, options, events),
    clock,
    log: log.child({ part: 'bosh' }),
  })
  const release = (id: string) => registry.byId(id)?.abandon()
  const here: Upstream = {
    exchange: manager.exchange,
    handOver: (id, session) => registry.byId(id)?.handOver(session),
    abandon: release,
  }
  const login = createLogin({
    upstreamOf: () => here,
    saltedPasswords: new SaltedPasswords(clock, config.warm.scramMemory, undefined, hashes),
    scramMaxIterations: config.warm.scramMaxIterations,
    timeout: config.warm.timeout,
  })
  const app = createApp({
    config,
    login,
    release,
    log: log.child({ part: 'warm' }),
    clock,
    hashes,
    extraRouters: routers?.({ login, release }) ?? [],
  })
  const bosh = createBoshListener({
    ...manager,
    assumeSecure: config.assumeSecure,
    maxBodyBytes,
    getText: config.bosh.getText,
  })
  const { server, url } = await listen(atPath(config.boshPath, bosh, app), config)

  return {
    url,
    counts: () => ({ sessions: registry.size, links: links.size }),
    async stop() {
      manager.shutDown()
      await Promise.race([until(() => registry.size === 0), pause(farewellMilliseconds)])
      registry.abandonAll()
      let isClosed = false
      server.close(() => {
        isClosed = true
      })
      const nothingLeft = () => {
        // Browsers keep connections for later; those that have an answer to come are left to get it.
        server.closeIdleConnections()
        return isClosed && links.size === 0
      }
      await Promise.race([until(nothingLeft), pause(stopMilliseconds)])
      server.closeAllConnections()
      links.stop()
      await until(() => isClosed)
    },
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await pause(20)
}

function pause(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds).unref())
}
