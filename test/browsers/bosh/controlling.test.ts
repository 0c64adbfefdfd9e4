import { describe, expect, test } from '@jest/globals'
import type { StoredSession } from '../../../src/store/store.js'
import { authenticate, BoshBench, create, empty, ended, lost, terminated } from '../../support/bosh-bench.js'

describe('the API’s view of a session', () => {
  test('has its user, origin, state and times', async () => {
    const bench = new BoshBench()
    await bench.pass(3)
    const { id, sid } = await bench.warmed()
    expect([sid, '0'.repeat(32)].map(other => bench.registry.byId(other))).toEqual([undefined, undefined])
    await bench.pass(4)
    expect(bench.registry.byId(id)?.view).toEqual({
      ...{ id, jid: 'juliet@chat.example/balcony', user: 'juliet@chat.example', process: '', isPage: false },
      ...{ domain: 'chat.example', origin: 'warmed', state: 'waiting', openedAt: 3000, quietSince: 3000 },
    })
    await bench.pass(117)
    expect(bench.registry.byId(id)).toBeUndefined()
  })
})

describe('the state of a session', () => {
  const stateOf = (bench: BoshBench) => {
    const [{ state, quietSince }] = [...bench.registry.list()] as [StoredSession]
    return [state, quietSince]
  }

  test('that is warmed is opening, then waiting, and then has the state of its page', async () => {
    const bench = new BoshBench()
    const login = bench.login()
    expect(stateOf(bench)).toEqual(['opening', undefined])
    const client = await bench.handOver(login, { seconds: 99 })
    expect(stateOf(bench)).toEqual(['waiting', 0])
    await bench.pass(10)
    const poll = await client.next()
    expect(stateOf(bench)).toEqual(['held', undefined])
    await bench.pass(1)
    poll.peer.leave()
    expect(stateOf(bench)).toEqual(['quiet', 11_000])
    await client.next('', "pause='100'")
    expect(stateOf(bench)).toEqual(['paused', 11_000])
    await client.at(704)
    expect(stateOf(bench)).toEqual(['held', undefined])
    await client.at(703, '', "pause='100'")
    await bench.resume(client)
    expect(stateOf(bench)).toEqual(['waiting', 11_000])
  })

  test('that a client opens is opening until the server has sent its JID', async () => {
    const bench = new BoshBench()
    const creation = await bench.send(create(undefined, 700, authenticate))
    expect(stateOf(bench)).toEqual(['opening', undefined])
    await bench.server(link => link.open())
    expect(creation.reply).toBeDefined()
    expect(stateOf(bench)).toEqual(['opening', 0])
    await bench.server(link => link.bind())
    expect(stateOf(bench)).toEqual(['quiet', 0])
    expect([...bench.registry.list()]).toMatchObject([{ origin: 'client', jid: 'juliet@chat.example/balcony' }])
  })

  test('is shown as ended until its client has the end', async () => {
    const { bench, client } = await BoshBench.warmed()
    await bench.server(link => link.end(lost))
    expect(stateOf(bench)).toEqual(['ended', 0])
    // No page came.
    expect([...bench.registry.list()]).toMatchObject([{ transport: undefined }])
    await client.next()
    expect(bench.registry.size).toBe(0)
  })
})

test('sessions are listed in the order of their creation, and those of a user are found by the bare JID', async () => {
  const bench = new BoshBench()
  const warm = async (jid: string) => (await bench.warmed({ jid })).id
  const [one, other, two, third] = [
    await warm('romeo@chat.example/garden'),
    await warm('juliet@chat.example/balcony'),
    await warm('romeo@chat.example/street/corner'),
    await warm('romeo@chat.example/garden'),
  ]
  const found = (jid: string) => bench.registry.ofJid(jid).map(({ id }) => id)
  expect(found('romeo@chat.example')).toEqual([one, two, third])
  expect(found('juliet@chat.example')).toEqual([other])
  expect(found('Romeo@CHAT.example')).toEqual([one, two, third])
  for (const jid of ['romeo', 'chat.example', 'romeo@other.example', '']) expect(found(jid)).toEqual([])
  const listed = () => [...bench.registry.list()].map(({ id }) => id)
  expect(listed()).toEqual([one, other, two, third])
  bench.registry.byId(two)?.end('logout', 'loggedOut')
  expect(found('romeo@chat.example')).toEqual([one, third])
  expect(listed()).toEqual([one, other, third])
  for (const id of [one, third]) bench.registry.byId(id)?.end('logout', 'loggedOut')
  expect(found('romeo@chat.example')).toEqual([])
})

describe('a session that is ended from outside', () => {
  test('ends at once, and only once: its page gets the end, and its server sees an orderly end', async () => {
    const bench = new BoshBench({ maxRequests: 3 })
    const client = await bench.warmed({}, "wait='60' hold='2' ver='1.6'")
    const polls = [await client.next(), await client.next()]
    const ends = [await bench.sessions.end(client.id), await bench.sessions.end(client.id)]
    expect(ends).toEqual([true, false])
    await bench.pass(0)
    expect(polls.map(({ reply }) => reply?.body)).toEqual([ended, empty])
    expect(client.link.closed).toBe(true)
    expect(bench.registry.size).toBe(0)
    expect((await client.next()).reply?.body).toBe(terminated('item-not-found'))
  })

  test('ends with all logins of its user, and no others', async () => {
    const bench = new BoshBench()
    const login = (jid: string) => bench.login(`jid='${jid}'`)
    const alices = [login('alice@chat.example'), login('Alice@chat.example/desk')]
    const others = [login('bob@chat.example'), bench.login()]
    expect((await bench.sessions.endAll({ jid: 'alice@chat.example/sofa' })).ended).toBe(0)
    expect(await bench.sessions.endAll({ jid: 'alice@chat.example' })).toMatchObject({ ended: 2 })
    expect(alices.map(({ end }) => end?.failure.code)).toEqual(['session-not-found', 'session-not-found'])
    expect(others.map(({ end }) => end)).toEqual([undefined, undefined])
    expect(bench.links.map(({ closed }) => closed)).toEqual([true, true, false, false])
    const desk = login('alice@chat.example/desk')
    expect((await bench.sessions.endAll({ jid: 'alice@chat.example/desk' })).ended).toBe(1)
    expect(desk.end?.failure.code).toBe('session-not-found')
    // A warmed session has a JID of its own.
    await bench.handOver(others[0]!, { jid: 'bob@chat.example/x' })
    expect((await bench.sessions.endAll({ jid: 'bob@chat.example' })).ended).toBe(1)
  })
})
