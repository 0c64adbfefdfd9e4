import { describe, expect, jest, test } from '@jest/globals'
import request from 'supertest'
import { WrongSecrets } from '../../../src/http/access/wrong-secrets.js'
import { Problem } from '../../../src/lib/errors.js'
import { hashQueue } from '../../../src/lib/limits/hash-queue.js'
import { type KeyedRate, type MakeRate, ownRates } from '../../../src/lib/limits/rates.js'
import type { WorkQueue } from '../../../src/lib/limits/work-queue.js'
import { cheapHash } from '../../support/cheap-hash.js'
import { useFakeTimers } from '../../support/fake-timers.js'
import { unnoted } from '../../support/unlimited.js'
import { config, fakeService, parameters } from '../../warm/fake-login.js'

const claimOf = (client: string, name: string) => ({ client, name, hash: `${client} ${name} secret` })

const here = claimOf('192.0.2.1', 'portal')

/** Rates that several processes share. */
function commonRates(): MakeRate {
  const rates = new Map<string, KeyedRate>()
  return (name, most, seconds) => {
    const rate = rates.get(name) ?? ownRates(name, most, seconds)
    rates.set(name, rate)
    return rate
  }
}

// Some people type their secret as the name.
test('the store of all processes learns nothing about names that can be guessed without the seal key', async () => {
  const keys: string[] = []
  const rates: MakeRate = (name, most, seconds) => {
    const rate = ownRates(name, most, seconds)
    const take = (key: string) => {
      if (name !== 'failed-logins-client') keys.push(key)
      return rate.take(key)
    }
    return { take, giveBack: key => rate.giveBack(key), count: key => rate.count(key), wait: key => rate.wait(key) }
  }
  for (let process = 0; process < 2; process++) {
    const failures = new WrongSecrets(5, unnoted, rates)
    await failures.begin(here)
    await failures.failed(here)
  }
  expect([keys.length, new Set(keys).size]).toEqual([4, 4])
})

describe('wrong secrets', () => {
  useFakeTimers({ hasTurns: true })

  /** Resolves with the delay of the answer, or with undefined if the secret is not checked. */
  async function fail(failures: WrongSecrets, claim = here): Promise<number | undefined> {
    if ((await failures.begin(claim)) !== undefined) return undefined
    let isTold = false
    const told = failures.failed(claim).then(() => {
      isTold = true
    })
    let waited = 0
    for (; !isTold; waited += 50) {
      await new Promise(resolve => setImmediate(resolve))
      if (!isTold) jest.advanceTimersByTime(50)
    }
    await told
    return Math.max(0, waited - 50)
  }

  test('are answered with growing delays, and not checked after too many in a minute', async () => {
    const failures = new WrongSecrets(7, unnoted)
    const delays: (number | undefined)[] = []
    for (let time = 0; time < 8; time++) delays.push(await fail(failures))
    expect(delays).toEqual([0, 250, 500, 1_000, 2_000, 2_000, 2_000, undefined])
    expect(await failures.begin(here)).toBe(60 - 7)
  })

  test('for many names of one client are limited to ten times as many as for one name', async () => {
    const failures = new WrongSecrets(1, unnoted)
    for (let name = 0; name < 10; name++) expect(await fail(failures, { ...here, name: `${name}` })).toBe(0)
    expect(await fail(failures, { ...here, name: 'eleventh' })).toBeUndefined()
    expect(await fail(failures, claimOf('192.0.2.2', 'eleventh'))).toBe(0)
  })

  test('of one client are checked one after another, so that its guesses do not delay others', async () => {
    const failures = new WrongSecrets(5, unnoted)
    expect(await failures.begin(here)).toBeUndefined()
    const begun = jest.fn()
    const next = failures.begin({ ...here, name: 'other' }).then(begun)
    expect(await failures.begin({ ...here, client: '192.0.2.2' })).toBeUndefined()
    await new Promise(resolve => setImmediate(resolve))
    expect(begun).not.toHaveBeenCalled()
    await failures.failed(here)
    await next
  })

  test('do not count if the secret is right', async () => {
    const failures = new WrongSecrets(1, unnoted)
    for (let time = 0; time < 5; time++) {
      expect(await failures.begin(here)).toBeUndefined()
      await failures.succeeded(here)
    }
  })

  test('block a backend that has the right secret only if both limits are reached', async () => {
    const failures = new WrongSecrets(1, unnoted)
    for (let time = 0; time < 9; time++) await fail(failures)
    expect(await failures.noteKnown(here)).toBeUndefined()
    await fail(failures)
    expect(await failures.noteKnown(here)).toBe(60)
    expect(await failures.noteKnown({ ...here, name: 'other' })).toBeUndefined()
    expect(await failures.noteKnown({ ...here, client: '192.0.2.2' })).toBeUndefined()
  })

  describe('for one name from many addresses', () => {
    const from = (number: number, name = 'portal') => claimOf(`198.51.100.${number}`, name)
    /** One guess from each client. Resolves with the number of checked guesses. */
    async function guess(failures: WrongSecrets, clients: number, name?: string): Promise<number> {
      const claims = Array.from({ length: clients }, (_, number) => from(number, name))
      const looked = claims.map(async claim => {
        if ((await failures.begin(claim)) !== undefined) return 0
        await failures.failed(claim)
        return 1
      })
      return (await Promise.all(looked)).reduce((sum: number, one) => sum + one, 0)
    }

    test('are checked ten times as often in ten minutes as from one address', async () => {
      const failures = new WrongSecrets(5, unnoted)
      expect(await guess(failures, 100)).toBe(50)
      for (let time = 0; time < 100; time++) expect(await failures.begin(from(200))).toBe(600)
      expect(await guess(failures, 1, 'other')).toBe(1)
      jest.advanceTimersByTime(600_000)
      expect(await guess(failures, 100)).toBe(50)
    })

    test('do not block backends that start at the same time with the right secret', async () => {
      const failures = new WrongSecrets(5, unnoted)
      const right = Array.from({ length: 70 }, async (_, number) => {
        const wait = await failures.begin(from(number))
        await failures.succeeded(from(number))
        return wait
      })
      expect(await Promise.all(right)).toEqual(Array(70).fill(undefined))
    })

    test('block such a client only a day after its last right secret', async () => {
      const failures = new WrongSecrets(5, unnoted)
      await failures.succeeded(here)
      expect(await failures.wasRight(claimOf('192.0.2.2', 'portal'))).toBe(false)
      jest.advanceTimersByTime(86_400_000)
      expect(await failures.wasRight(here)).toBe(true)
      // It is remembered, and not checked again.
      await failures.noteKnown(here)
      jest.advanceTimersByTime(86_400_000)
      expect(await failures.wasRight(here)).toBe(true)
      jest.advanceTimersByTime(2 * 86_400_000)
      expect(await failures.wasRight(here)).toBe(false)
    })
  })

  test('are unlimited if the limit is 0, and answered at once', async () => {
    const failures = new WrongSecrets(0, unnoted)
    for (let time = 0; time < 100; time++) expect(await fail(failures)).toBe(0)
    expect(await failures.noteKnown(here)).toBeUndefined()
  })

  test('leave no memory behind after their time', async () => {
    const failures = new WrongSecrets(1, unnoted)
    for (let client = 0; client < 20; client++) await fail(failures, { ...here, client: `192.0.2.${client}` })
    jest.advanceTimersByTime(600_000)
    expect(jest.getTimerCount()).toBe(0)
  })
})

describe('a client that guesses', () => {
  const rates = { ...config.rates, failedLogins: 2 }
  const [name, secret] = ['portal', 'portal-secret']

  async function call({ app }: ReturnType<typeof fakeService>, shown: string, { as = name, from = '192.0.2.1' } = {}) {
    const { status, headers, body } = await request(app)
      .post('/warm')
      .set('X-Forwarded-For', from)
      .auth(as, shown)
      .accept('json')
      .send(parameters)
    return { status, code: body.code, retryAfter: headers['retry-after'], challenge: headers['www-authenticate'] }
  }

  const openToAll = { ...config.access, warm: config.access.bosh }

  test('gets 429 and Retry-After for its network, and is not checked until then, right or wrong', async () => {
    const service = fakeService({ rates, access: openToAll })
    expect((await call(service, 'wrong', { from: '2001:db8::1' })).status).toBe(401)
    expect((await call(service, 'wronger', { from: '2001:db8::2' })).status).toBe(401)
    const often = await call(service, 'wrongest', { from: '2001:db8::3' })
    expect(often).toMatchObject({ status: 429, code: 'too-many-requests', challenge: undefined })
    expect(Number(often.retryAfter)).toBeGreaterThan(50)
    expect((await call(service, secret, { from: '2001:db8::1' })).status).toBe(429)
    expect(service.logins).toEqual([])
    expect(service.lines().at(-1)).toMatchObject({ code: 'too-many-requests', address: '2001:db8::1' })
    expect((await call(service, 'wrong', { from: '2001:db8:0:1::3' })).status).toBe(401)
  })

  test('does not block a backend that continues to call, however long it guesses', async () => {
    let now = 0
    const service = fakeService({ rates, access: openToAll, now: () => now })
    expect((await call(service, secret)).status).toBe(200)
    for (let time = 0; time < 3; time++) await call(service, 'wrong')
    for (let minute = 0; minute < 12; minute++) {
      now += 60_000
      expect((await call(service, secret)).status).toBe(200)
    }
    now += 300_000
    expect((await call(service, secret)).status).toBe(200)
  })

  test('does not block a backend in a process that has not checked its secret, old or rotated, yet', async () => {
    const makeRate = commonRates()
    const admins = [secret, 'n3xt-s3cret'].map(own => ({ name, secret: own, domains: ['*'], role: 'all' as const }))
    const [one, two] = [1, 2].map(() => fakeService({ rates, access: openToAll, makeRate, admins }))
    for (const right of [secret, 'n3xt-s3cret']) expect((await call(one!, right)).status).toBe(200)
    for (let time = 0; time < 3; time++) await call(one!, 'wrong')
    expect((await call(two!, 'wrong')).status).toBe(429)
    for (const right of [secret, 'n3xt-s3cret', secret]) expect((await call(two!, right)).status).toBe(200)
    expect((await call(two!, secret, { as: 'admin@host' })).status).toBe(401)
    expect(two!.lines().find(({ code }) => code === 'too-many-requests')).toMatchObject({ admin: name })
  })

  test('is not counted for a guess that got 503 because the queue was full', async () => {
    let isFull = true
    const queue = hashQueue()
    const hashes: WorkQueue = async (work, signal) => {
      if (isFull) throw new Problem('service-full')
      return queue(work, signal)
    }
    const admins = [{ name, secret: await cheapHash(secret), domains: ['*'], role: 'all' as const }]
    const service = fakeService({ rates, access: openToAll, admins, hashes })
    expect((await call(service, 'wrong', { from: '198.51.100.200' })).status).toBe(503)
    isFull = false
    for (let number = 0; number < 20; number++)
      expect((await call(service, 'wrong', { from: `198.51.100.${number}` })).status).toBe(401)
    expect((await call(service, 'wrong', { from: '198.51.100.200' })).status).toBe(429)
  })

  test.each(['Bearer x', 'Basic !!!', 'Basic bm9jb2xvbg=='])(
    'with unreadable credentials such as %s also gets 429, with few log lines',
    async authorization => {
      const service = fakeService({ rates, access: openToAll })
      const send = () => request(service.app).post('/warm').set('Authorization', authorization).send(parameters)
      expect([(await send()).status, (await send()).status]).toEqual([401, 401])
      for (let time = 0; time < 3; time++) expect((await send()).status).toBe(429)
      const audited = service.lines().filter(({ audit, level }) => audit === true && level === 30)
      expect(audited.map(({ code }) => code)).toEqual(['unauthorized', 'unauthorized', 'too-many-requests'])
    },
  )

  test('with the same secret many times at once counts as one attempt, with two log lines', async () => {
    const service = fakeService({ rates, access: openToAll })
    const statuses = await Promise.all(Array.from({ length: 20 }, () => call(service, 'wrong')))
    expect(new Set(statuses.map(({ status }) => status))).toEqual(new Set([401]))
    const audited = service.lines().filter(({ audit, level }) => audit === true && level === 30)
    expect(audited.length).toBeLessThan(5)
  })
})

test('a right secret is known if the clock was days ahead before', async () => {
  const failures = new WrongSecrets(5, unnoted, ownRates)
  const portal = { client: '192.0.2.1', name: 'portal', hash: 'right' }
  const start = 1_800_000_000_000
  const now = jest.spyOn(Date, 'now').mockReturnValue(start + 3 * 86_400_000)
  for (let minute = 0; minute < 60; minute++) {
    await failures.begin(portal)
    await failures.succeeded(portal)
    now.mockReturnValue(start + minute * 60_000)
  }
  expect(await failures.wasRight(portal)).toBe(true)
  now.mockRestore()
})
