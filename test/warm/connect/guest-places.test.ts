// The place of a new guest in RATE_GUESTS, if the call does not log in.
import { expect, test } from '@jest/globals'
import request from 'supertest'
import { createPagesApp } from '../../../src/service/app.js'
import type { Call } from '../../../src/warm/calls.js'
import { createGuests } from '../../../src/warm/connect/guests.js'
import type { ForwardedCalls } from '../../../src/warm/forwarded-calls.js'
import { fakeService, networks, config as usual } from '../fake-login.js'

const origin = 'https://www.example'

function guestPage({ isStopping = false, forwarding }: { isStopping?: boolean; forwarding?: Partial<ForwardedCalls> }) {
  const pages = { ...usual.pages, origins: [origin], guests: 'chat.example' }
  const { config, warming, answering } = fakeService({
    pages,
    trustedProxies: networks('203.0.113.1'),
    isStopping: () => isStopping,
  })
  const places = { taken: 0 }
  const app = createPagesApp({
    config,
    warming: { ...warming, forwarding: forwarding as ForwardedCalls },
    answering,
    pageTokens: undefined,
    guests: createGuests({ config, keys: () => [Buffer.alloc(32)] as never, now: Date.now }),
    clientLimits: { isTooOften: async () => false },
    callLimits: {
      ...warming.limits,
      newGuests: {
        ...warming.limits.newGuests,
        take: async () => {
          places.taken += 1
          return undefined
        },
        giveBack: async () => {
          places.taken -= 1
        },
      },
    },
    refused: () => {},
    noteRefusal: () => {},
  })
  const come = () =>
    request(app).post(config.pagePath).set({ Origin: origin, 'Content-Type': 'application/json' }).send('{}')
  return { places, come }
}

const elsewhere = (status: number): Partial<ForwardedCalls> => ({
  newIds: () => undefined as never,
  async toAnother(call: Call) {
    call.isAnsweredElsewhere = true
    call.response.status(status).end()
    return true
  },
})

test.each([
  ['comes during a stop', 503, { isStopping: true }],
  ['is refused by another process', 403, { forwarding: elsewhere(403) }],
])('a guest who %s does not count', async (_what, status, at) => {
  const { places, come } = guestPage(at)
  expect((await come()).status).toBe(status)
  expect(places.taken).toBe(0)
})

test('a guest who gets a session, here or at another process, counts', async () => {
  for (const forwarding of [undefined, elsewhere(200)]) {
    const { places, come } = guestPage(forwarding ? { forwarding } : {})
    expect((await come()).status).toBe(200)
    expect(places.taken).toBe(1)
  }
})
