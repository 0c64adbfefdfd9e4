import type { Express } from 'express'
import pino from 'pino'
import request from 'supertest'
import type { Config } from '../../src/config/config.js'
import { readNetworks } from '../../src/config/kinds/networks.js'
import { loadConfig } from '../../src/config/load.js'
import { createFormTokens } from '../../src/http/access/form-tokens.js'
import { type Clock, systemClock } from '../../src/lib/clock.js'
import { Counts } from '../../src/lib/counts.js'
import { hashQueue } from '../../src/lib/limits/hash-queue.js'
import { MinuteSums } from '../../src/lib/limits/minute-sums.js'
import { type MakeRate, ownRates } from '../../src/lib/limits/rates.js'
import { secretKeys } from '../../src/lib/secrets/secret-hashes.js'
import type { ScramProof } from '../../src/servers/login/sasl/mechanism.js'
import { type AppParts, createApp } from '../../src/service/app.js'
import { localTabs } from '../../src/store/local-tabs.js'
import { createCallLimits } from '../../src/warm/call-limits.js'
import { createCapacity } from '../../src/warm/numbers/capacity.js'
import { createLastHour } from '../../src/warm/numbers/last-hour.js'
import { createOverview } from '../../src/warm/numbers/overview.js'
import { createAuditReader, RecentAudit } from '../../src/warm/numbers/recent-audit.js'
import { createTabCalls } from '../../src/warm/tab-calls.js'
import type { Logins, WarmedBinding } from '../../src/warm/warming/session-login.js'
import type { WarmingParts } from '../../src/warm/warming/warm-call.js'
import { unlimited, unnoted } from '../support/unlimited.js'
import { FakeSessions, terms } from './fake-sessions.js'

/** Worked example X1. */
export const binding: WarmedBinding = {
  jid: 'juliet@chat.example/balcony',
  sid: '5b0c7a1f5b0c7a1f5b0c7a1f5b0c7a1f5b0c7ae7',
  rid: 4400120076,
  id: '9f3c5d0e9f3c5d0e9f3c5d0e9f3c5d0e',
  ...terms,
  expiresIn: 120,
}

export const keys: ScramProof = {
  hash: 'sha256',
  iterations: 4096,
  user: 'juliet',
  authzid: '',
  salt: 'c2FsdA==',
  clientKey: 'Y2xpZW50LWtleQ==',
  serverKey: 'c2VydmVyLWtleQ==',
}

export const networks = (text: string) => readNetworks(text, () => undefined)

/** The defaults, but with no limits for the logins of a user. */
export const config: Config = {
  ...loadConfig({ ...unlimited, ADMIN_USERS: 'replaced:below', XMPP_DOMAINS: 'chat.example, *.chat.example' }).config,
  admins: [
    { name: 'admin@host', secret: 'gehe:im-ü', domains: ['*'], role: 'all' },
    { name: 'portal', secret: 'portal-secret', domains: ['chat.example'], role: 'all' },
  ],
  externalUrl: 'https://web.example',
  metricsAddress: undefined,
  logLevels: { usual: 'trace', parts: new Map() },
}

/** All fake services have the same keys. */
const ownKeys = secretKeys(() => undefined)

export const callLimits = ({ rates }: Pick<Config, 'rates'>, makeRate: MakeRate = ownRates) =>
  createCallLimits({ rates, timeout: 15, clock: systemClock, keys: ownKeys, makeRate, refused: unnoted })

export interface FakeParts extends Partial<Pick<AppParts, 'hashes' | 'formTokens' | 'routers' | 'demoPath'>> {
  readonly login?: Logins['login']
  readonly keysOf?: Logins['keysOf']
  readonly sessions?: FakeSessions
  readonly now?: () => number
  readonly after?: Clock['after']
  /** Several services can share it. */
  readonly makeRate?: MakeRate
  readonly isStopping?: () => boolean
}

/** The app with a fake login, which returns `binding`, and fake sessions. Other fields replace settings. */
export function fakeService({
  login = async () => binding,
  keysOf = async () => keys,
  sessions = new FakeSessions(),
  now,
  after = systemClock.after,
  makeRate,
  hashes = hashQueue(),
  formTokens = createFormTokens(ownKeys, now ?? Date.now),
  routers = () => [],
  demoPath,
  isStopping = () => false,
  ...more
}: Partial<Config> & FakeParts = {}) {
  const settings: Config = { ...config, ...more }
  const written: string[] = []
  const recent = new RecentAudit()
  const write = (line: string) => {
    written.push(line)
    if (line.includes('"audit":true')) recent.add(line)
  }
  const log = pino({ level: 'trace' }, { write })
  const logins: Parameters<Logins['login']>[0][] = []
  const released: string[] = []
  const clock: Clock = { now: now ?? systemClock.now, after }
  const counts = new Counts()
  const registry = { size: 0, takesSessions: true }
  const lastHour = createLastHour({ clock, counts, registry })
  const capacity = createCapacity({
    config,
    registry,
    descriptors: { taken: 20, most: 1000 },
    waiting: { bytes: 0, most: 2 ** 30 },
    connections: () => 3,
    unreadBytes: () => 0,
  })
  const { timeout } = settings.warm
  const warming: WarmingParts = {
    login: (warmRequest, signal) => {
      logins.push(warmRequest)
      return login(warmRequest, signal)
    },
    keysOf,
    sessions,
    tabCalls: createTabCalls({ own: sessions, tabs: localTabs(), shared: undefined, clock, timeout }),
    userLimit: { take: async () => true, giveBack: () => {} },
    endUnclaimed: id => released.push(id),
    limits: callLimits(settings, makeRate),
    counts,
  }
  const parts: AppParts = {
    hashes,
    formTokens,
    routers,
    demoPath,
    answering: {
      log,
      httpLog: log,
      audit: log.child({ audit: true }),
      clock,
      logOften: new MinuteSums(clock).lines(),
      counts,
      lastHour,
      onCall: () => {},
      isStopping,
    },
    numbers: {
      readOverview: createOverview({ clock, lastHour, place: 'web1', registry, capacity }),
      readAudit: createAuditReader(recent),
    },
  }
  const lines = () => written.map((line): Record<string, unknown> => JSON.parse(line))
  const app = createApp(settings, warming, parts)
  return {
    config: settings,
    warming,
    answering: parts.answering,
    app,
    logins,
    released,
    counts,
    log: () => written.join(''),
    lines,
  }
}

export type FakeService = ReturnType<typeof fakeService>

export const credentials = ['admin@host', 'gehe:im-ü'] as const
export const parameters = { jid: 'juliet@chat.example/balcony', password: 's3cret-of-juliet' }

/** Makes calls with these credentials. */
export const asAdmin = (app: Express, [name, secret]: readonly [string, string] = credentials) =>
  request.agent(app).auth(name, secret)

export const warm = (service = fakeService()) => asAdmin(service.app).post('/warm')

export const warmByForm = (fields: object | string, service?: FakeService) => warm(service).type('form').send(fields)

export const failing = (problem: Error) => fakeService({ login: () => Promise.reject(problem) })
