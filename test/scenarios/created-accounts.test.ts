// Accounts that the service makes before the first login.
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { makeCertificate } from '../support/certificates.js'
import type { HttpAnswer } from '../support/http-answer.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { startWatchedService, type WatchedService } from '../support/login-server/watched-service.js'

let server: LoginServer
let service: WatchedService
/** Commands (XEP-0050) to add a user. */
let commands: number
/** Whether the server answers: each account exists. */
let isAnswering: boolean

beforeEach(async () => {
  commands = 0
  isAnswering = false
  server = await startLoginServer({
    domain: 'chat.example',
    certificate: makeCertificate(['DNS:chat.example']),
    mechanisms: ['PLAIN'],
    accounts: { portal: 'Pa55-of-portal' },
    actors: ['portal'],
    onElement({ attributes, children: [command] }, connection) {
      if (command?.name !== 'command') return false
      commands += 1
      const isForm = command.attributes['action'] === 'execute'
      const form = "<command xmlns='http://jabber.org/protocol/commands' status='executing' sessionid='s'/>"
      const conflict = "<error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
      const about = `id='${attributes['id']}' from='chat.example'`
      if (isAnswering)
        connection.say(`<iq type='${isForm ? 'result' : 'error'}' ${about}>${isForm ? form : conflict}</iq>`)
      return true
    },
  })
  service = await startWatchedService([server], {
    WARM_TIMEOUT: '15',
    XMPP_SERVICE_ACCOUNTS: 'chat.example=portal:Pa55-of-portal',
    XMPP_CREATE_ACCOUNTS: 'chat.example=accounts',
  })
})

afterEach(async () => {
  jest.useRealTimers()
  await service.stop()
  await server.stop()
})

test('after a restart, more users than the limit of new accounts log in at once', async () => {
  isAnswering = true
  const names = Array.from({ length: 80 }, (_, number) => `user${number}`)
  const answers = await Promise.all(names.map(name => service.warm({ jid: `${name}@chat.example` })))
  expect(answers.map(({ status }) => status)).toEqual(names.map(() => 200))
  expect(commands).toBe(160)
})

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(setImmediate)
}

test('a login without an answer for its account takes WARM_TIMEOUT at most', async () => {
  jest.useFakeTimers({ doNotFake: ['Date', 'nextTick', 'queueMicrotask', 'setImmediate', 'setInterval'] })
  let answer: HttpAnswer | undefined
  const call = service.warm({ jid: 'alice@chat.example' }).then(given => {
    answer = given
  })
  await until(() => commands === 1)
  // The account has two thirds of the time, and the login of the user the rest.
  server.script = { features: () => {} }
  jest.advanceTimersByTime(9_900)
  await new Promise(setImmediate)
  expect(server.connections).toHaveLength(1)
  jest.advanceTimersByTime(100)
  await until(() => server.connections.length === 2 && server.last.reached.at(-1) === 'features')
  jest.advanceTimersByTime(4_900)
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
  expect(answer).toBeUndefined()
  jest.advanceTimersByTime(100)
  await call
  expect(JSON.parse(answer!.text)).toMatchObject({ status: 504, code: 'timeout', step: 'features' })
})
