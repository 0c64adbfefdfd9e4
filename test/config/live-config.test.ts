import { generateKeyPairSync } from 'node:crypto'
import { Writable } from 'node:stream'
import { describe, expect, test } from '@jest/globals'
import { createLiveConfig } from '../../src/config/live-config.js'
import { UnreadReplies } from '../../src/http/listening/unread-replies.js'
import { FakeClock } from '../support/fake-clock.js'
import { load } from '../support/settings.js'
import { testFolder } from '../support/test-folder.js'
import { noLoginLimits } from '../support/unlimited.js'
import { uplinkWith } from '../support/uplink.js'

const { file } = testFolder()

const configOf = (more: Record<string, string> = {}) => load({ XMPP_DOMAINS: 'chat.example', ...more }).config

const servers = (host: string) => ({ XMPP_SERVERS: `chat.example=xmpp://${host}:5222,*=https://far.example/http-bind` })

describe('the live configuration', () => {
  test('changes in objects that other parts already hold, but not where it comes from', () => {
    const first = configOf()
    const { config, take } = createLiveConfig(first)
    const { limits, access, trustedProxies } = config
    take(configOf({ MAX_SESSIONS: '7', WARM_ALLOW: '10.0.0.0/8', TRUSTED_PROXIES: 'none' }))
    expect([limits.sessions, access.warm.list, config.trustedProxies.list]).toEqual([7, ['10.0.0.0/8'], []])
    expect(config.limits).toBe(limits)
    expect([first.limits.sessions, trustedProxies.list]).toEqual([20_000, ['loopback']])
  })

  test('keeps the identity of unchanged values', () => {
    const { config, take } = createLiveConfig(configOf(servers('one.example')))
    const { servers: before, remotes, admins } = config
    take(configOf(servers('two.example')))
    expect(config.servers).not.toBe(before)
    expect(config.servers.get('chat.example')).toMatchObject({ host: 'two.example' })
    expect(config.remotes).toBe(remotes)
    expect(config.admins).toBe(admins)
  })

  test('changes again in objects that an earlier change has added', () => {
    const secrets = file('secrets', 'a'.repeat(40))
    const newKeys = () => {
      const { publicKey } = generateKeyPairSync('ed25519')
      return file('keys.pem', publicKey.export({ type: 'spki', format: 'pem' }).toString())
    }
    const pages = {
      PAGE_ORIGINS: 'https://portal.example',
      PAGE_TOKEN_AUDIENCE: 'chat',
      PAGE_TOKEN_JID: '{sub}@chat.example',
      XMPP_SERVICE_ACCOUNTS: 'chat.example=service:pw',
    }
    const { config, take } = createLiveConfig(configOf({ ...pages, PAGE_TOKEN_SECRET_FILE: secrets }))
    for (const MAX_SESSIONS of ['7', '8']) {
      const next = configOf({ ...pages, PAGE_TOKEN_JWKS: newKeys(), MAX_SESSIONS })
      take(next)
      expect(config.pages).toEqual({ ...next.pages, secrets: undefined })
      expect(config.limits.sessions).toBe(Number(MAX_SESSIONS))
    }
  })
})

test('a reload changes the byte rate of existing sessions', () => {
  const { config, take } = createLiveConfig(configOf({ RATE_SESSION_BYTES: '1000' }))
  const uplink = uplinkWith(config.rates)
  uplink.charge(6000, 0)
  expect(uplink.freeAt).toBe(1000)
  uplink.forgive()
  take(configOf({ RATE_SESSION_BYTES: '100' }))
  uplink.charge(600, 0)
  expect(uplink.freeAt).toBe(1000)
})

test('a reload changes the limit for refused logins', async () => {
  const clock = new FakeClock()
  const { config, take } = createLiveConfig(configOf({ RATE_LOGINS_PER_ADDRESS: '0', TRUSTED_PROXIES: 'none' }))
  const { rates, limits, trustedProxies } = config
  const logins = noLoginLimits({ rates, limits, trustedProxies, clock })
  const client = { address: '192.0.2.1', domain: 'chat.example' }
  const three = async () => [await logins.begun(client), await logins.begun(client), await logins.begun(client)]
  expect([logins.isLimited(client), await three()]).toEqual([false, [0, 0, 0]])
  take(configOf({ RATE_LOGINS_PER_ADDRESS: '1', TRUSTED_PROXIES: 'none' }))
  expect([logins.isLimited(client), await three()]).toEqual([true, [0, 500, 1000]])
})

test('a reload changes the memory for unread replies', () => {
  const clock = new FakeClock()
  const { config, take } = createLiveConfig(configOf())
  const refused: string[] = []
  const socket = Object.assign(new Writable(), { bytesWritten: 2_000_000, remoteAddress: '192.0.2.1' })
  Object.defineProperty(socket, 'writableLength', { value: 2_000_000 })
  const unread = new UnreadReplies({
    ...{ limits: config.limits, connections: () => [socket] as never, clock },
    refused: limit => void refused.push(limit),
  })
  clock.advance(20_000)
  expect(refused).toEqual([])
  take(configOf({ MAX_UNREAD_MB: '1' }))
  clock.advance(5_000)
  expect(refused).toEqual(['unread'])
  unread.stop()
})
