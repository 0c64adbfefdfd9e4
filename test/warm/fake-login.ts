// What the warm API's tests stand on: the app with a login that needs no XMPP server.
import { Writable } from 'node:stream'
import type { Express } from 'express'
import pino from 'pino'
import request from 'supertest'
import { createApp } from '../../src/app.js'
import type { Config } from '../../src/config/config.js'
import { passwordMechanisms } from '../../src/config/mechanisms.js'
import type { Binding, Login } from '../../src/warm/binding.js'

/** The session of worked example X1. */
export const binding: Binding = {
  jid: 'juliet@chat.example/balcony',
  sid: '5b0c7a1f5b0c7a1f5b0c7a1f5b0c7a1f5b0c7ae7',
  rid: 4400120076,
  id: '9f3c5d0e9f3c5d0e9f3c5d0e9f3c5d0e',
  wait: 60,
  hold: 1,
  requests: 2,
  inactivity: 150,
  polling: 5,
  maxpause: 300,
  ver: '1.6',
  expiresIn: 120,
}

export const config: Config = {
  host: '127.0.0.1',
  port: 8080,
  admins: [
    { name: 'admin@host', secret: 'gehe:im-ü', domains: ['*'] },
    { name: 'portal', secret: 'portal-secret', domains: ['chat.example'] },
  ],
  domains: ['chat.example', '*.chat.example'],
  retiredDomains: [],
  keepalive: 60,
  tls: { minVersion: 'TLSv1.2', ciphers: undefined },
  servers: new Map(),
  remotes: new Map(),
  remote: { attach: 'here', connectTimeout: 5, timeout: 5, maxReplyBytes: 8_000_000, headers: [] },
  mechanisms: passwordMechanisms,
  serviceAccounts: new Map(),
  assumeSecure: false,
  warmPath: '/warm',
  boshPath: '/http-bind',
  externalUrl: 'https://web.example',
  bosh: {
    ...{ maxWait: 60, defaultHold: 1, maxRequests: 2, inactivity: 150 },
    ...{ maxPause: 300, polling: 5, enforcePolling: false, acks: true, requireSecure: false, getText: '' },
    attachBinding: 'off',
  },
  cors: { origins: ['*'], credentials: false },
  warm: {
    ...{ timeout: 15, stepTimeout: 10, anonymous: false },
    attachTimeout: 120,
    scramMemory: 300,
    scramMaxIterations: 200_000,
  },
  logLevel: 'trace',
}

export interface FakeService {
  readonly app: Express
  /** The requests that reached the login. */
  readonly logins: Parameters<Login>[0][]
  /** The handles of the sessions that were given up. */
  readonly released: string[]
  /** Everything logged so far, as text. */
  log(): string
  /** The lines logged so far. */
  lines(): Record<string, unknown>[]
}

/** An app whose login gives the binding above, or does as it is told. */
export function fakeService({
  login = async () => binding,
  now,
  ...settings
}: Partial<Config> & { login?: Login; now?: () => number } = {}): FakeService {
  let text = ''
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += chunk
      done()
    },
  })
  const logins: Parameters<Login>[0][] = []
  const released: string[] = []
  const app = createApp({
    config: { ...config, ...settings },
    login: (warmRequest, signal) => {
      logins.push(warmRequest)
      return login(warmRequest, signal)
    },
    release: id => released.push(id),
    log: pino({ level: 'trace' }, stream),
    ...(now && { clock: { now } }),
  })
  const lines = () =>
    text
      .split('\n')
      .filter(Boolean)
      .map(line => JSON.parse(line))
  return { app, logins, released, log: () => text, lines }
}

/** The admin that the tests call as, and what they ask for. */
export const credentials = ['admin@host', 'gehe:im-ü'] as const
export const parameters = { jid: 'juliet@chat.example/balcony', password: 's3cret-of-juliet' }

/** A warm call of that admin. */
export const warm = (service = fakeService()) =>
  request(service.app)
    .post('/warm')
    .auth(...credentials)

/** A service whose logins fail. */
export const failing = (problem: Error) =>
  fakeService({
    login: async () => {
      throw problem
    },
  })
