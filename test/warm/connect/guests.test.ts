import { createSecretKey, randomBytes } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { loadConfig } from '../../../src/config/load.js'
import { secretKeys } from '../../../src/lib/secrets/secret-hashes.js'
import { createGuests, isGuestToken } from '../../../src/warm/connect/guests.js'
import { problemIn } from '../../support/problem-in.js'

const domain = 'guests.example.org'
const day = 86_400_000
const newKey = () => createSecretKey(randomBytes(32))
const [key, otherKey] = [newKey(), newKey()]

interface Options {
  readonly keys?: ReturnType<typeof newKey>[] | undefined
  readonly at?: number
  readonly PAGE_GUESTS?: string
  readonly XMPP_SERVICE_ACCOUNTS?: string
}

function guestsWith({ keys = [key], at = 0, ...environment }: Options = {}) {
  const { config } = loadConfig({
    ADMIN_USERS: 'portal:a-secret',
    XMPP_DOMAINS: '*.example.org',
    PAGE_ORIGINS: 'https://www.example.org',
    PAGE_GUESTS: domain,
    XMPP_SERVICE_ACCOUNTS: '*=bot:a-password',
    ...environment,
  })
  return createGuests({ config, keys: secretKeys(() => keys), now: () => Date.UTC(2030, 0) + at })
}

function refusal(token: string, options?: Options) {
  const { code, detail } = problemIn(() => guestsWith(options).guestOf(token))
  return code === 'invalid-token' ? detail : code
}

describe('the token of a guest', () => {
  const guest = guestsWith().create(domain)
  const token = guest.token!

  test('names a new guest each time, and has another form than tokens of portals', () => {
    expect(guest.jid).toMatch(/^[0-9a-f]{32}@guests\.example\.org$/)
    expect(guestsWith().create(domain).jid).not.toBe(guest.jid)
    expect(token).toMatch(/^guest-[\w-]+$/)
    expect([isGuestToken(token), isGuestToken('a.b.c')]).toEqual([true, false])
    expect(Buffer.from(token.slice('guest-'.length), 'base64url').toString('hex')).not.toContain(guest.visit)
  })

  test('brings the guest back for 30 days, and is renewed at each use', () => {
    const again = guestsWith({ at: 29 * day }).guestOf(token)
    expect(again).toEqual({ ...guest, token: expect.any(String) })
    expect(again.token).not.toBe(token)
    expect(refusal(token, { at: 30 * day })).toBe('It is the token of a guest, and has expired.')
    expect(guestsWith({ at: 58 * day }).guestOf(again.token!).jid).toBe(guest.jid)
  })

  test('opens with each key of SEAL_KEY_FILE, and without this file in the same process only', () => {
    expect(guestsWith({ keys: [otherKey, key] }).guestOf(token).jid).toBe(guest.jid)
    const damaged = 'It is the token of a guest, but damaged, or of another PAGE_GUESTS or SEAL_KEY_FILE.'
    expect(refusal(token, { keys: [otherKey] })).toBe(damaged)
    const alone = guestsWith({ keys: [] })
    expect(alone.guestOf(alone.create(domain).token!).jid).toMatch(/@guests/)
    expect(refusal(alone.create(domain).token!, { keys: [] })).toBe(damaged)
    for (const wrong of [`${token}A`, token.slice(0, -4), 'guest-', `guest-${'A'.repeat(9000)}`])
      expect(refusal(wrong)).toBe(damaged)
    const changed = token.at(-5) === 'A' ? 'Q' : 'A'
    expect(refusal(token.slice(0, -5) + changed + token.slice(-4))).toBe(damaged)
  })

  test('is of one domain, and of no use without PAGE_GUESTS, or if guests have become anonymous', () => {
    expect(refusal(token, { PAGE_GUESTS: 'others.example.org' })).toContain('of another PAGE_GUESTS')
    expect(refusal(token, { XMPP_SERVICE_ACCOUNTS: '' })).toContain('anonymous now')
  })
})

test('without a service account or login key, guests are anonymous, and get no token', () => {
  expect(guestsWith({ XMPP_SERVICE_ACCOUNTS: '' }).create(domain)).toEqual({
    jid: domain,
    visit: undefined,
    token: undefined,
  })
})
