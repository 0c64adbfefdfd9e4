// A user's visit to a portal, by the calls that its backend makes of the whole service.
import { expect } from '@jest/globals'
import type { TestService } from '../start-service.js'
import type { Backend, BackendCall, Outcome } from './backend.js'

interface Account {
  readonly jid: string
  readonly password: string
}

/** The calls of `/warm` as the service's log has them. */
const callsOf = ({ lines }: TestService) =>
  lines
    .map(line => JSON.parse(line))
    .filter(({ admin }) => admin !== undefined)
    .map(({ msg, code }) => `${msg}: ${code}`)

/** Warms, resumes, looks, ends, and fails. The service has no sessions of the account, and its log no calls. */
export async function visit(backend: Backend, service: TestService, account: Account): Promise<void> {
  const url = `${service.url}/warm`
  const run = (...calls: BackendCall[]) => backend.run(url, calls)
  const [{ result: first }, { result: second }] = (await run(['warm', account], ['warm', account])) as [
    Outcome,
    Outcome,
  ]
  expect(first).toMatchObject({
    jid: expect.stringMatching(`^${account.jid}/.`),
    rid: expect.any(Number),
    sid: expect.stringMatching(/./),
    websocket: { token: expect.stringMatching(/./) },
  })
  const { id } = first
  const jid = first.jid as string
  const [resumed, session, listed, other] = (
    await run(
      ['resume', id, { expires_in: 60 }],
      ['session', id],
      ['sessions', { jid: account.jid }],
      ['sessions', { jid }],
    )
  ).map(({ result }) => result)
  expect(resumed).toMatchObject({ id, jid, sid: first.sid, expires_in: 60 })
  expect(resumed.rid).not.toBe(first.rid)
  expect(session).toMatchObject({ id, jid, state: 'waiting', origin: 'warmed' })
  expect(listed.map((each: { id: string }) => each.id)).toEqual([id, second.id])
  expect(other.map((each: { id: string }) => each.id)).toEqual([id])

  const gone = await run(['end', id], ['end', id], ['resume', id], ['session', id])
  expect(gone).toEqual([{ result: null }, { result: null }, { result: null }, { result: null }])
  expect(await run(['endAll', { jid: account.jid }])).toEqual([{ result: { ended: 1 } }])
  expect(await run(['sessions', { jid: account.jid }])).toEqual([{ result: [] }])

  const [refused] = (await run(['warm', { ...account, password: 'wr0ng' }])) as [Outcome]
  expect(refused.error).toEqual({
    code: 'not-authorized',
    detail: 'The XMPP server refused the user name, the password or the token.',
    advice: expect.stringMatching(/^Check the spelling/),
    retry: false,
    status: 403,
    instance: expect.stringMatching(/^urn:uuid:/),
    retryAfter: null,
  })
  expect(callsOf(service)).toEqual([
    ...['warm: ok', 'warm: ok', 'resume: ok', 'sessions: ok', 'sessions: ok', 'sessions: ok'],
    ...['logout: ok', 'logout: session-not-found', 'resume: session-not-found', 'sessions: session-not-found'],
    ...['logout: ok', 'sessions: ok', 'warm: not-authorized'],
  ])
}
