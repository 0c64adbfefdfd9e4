import { describe, expect, test } from '@jest/globals'
import type { StoredSession } from '../../../src/store/store.js'
import { authenticate, BoshBench, create, empty, ended, lost, terminated } from '../../support/bosh-bench.js'

describe('the API’s view of a session', () => {
  test('has its user, origin, state and times', async () => {
    const bench = new BoshBench()
    await bench.pass(3)
    const { id } = await bench.warmed()
    await bench.pass(4)
    expect(bench.registry.byId(id)?.view).toEqual({
      id,
      jid: 'juliet@chat.example/balcony',
      ...{ user: 'juliet@chat.example', process: '', isPage: false },
      domain: 'chat.example',
      origin: 'warmed',
      state: 'waiting',
      openedAt: 3000,
      quietSince: 3000,
    })
  })

  test('never contains the sid', async () => {
    const bench = new BoshBench()
    const { id, sid } = await bench.warmed()
    expect(JSON.stringify([bench.registry.byId(id)?.view, ...bench.registry.list()])).not.toContain(sid)
  })

  test('is absent if there is no session', async () => {
    const bench = new BoshBench()
    expect(bench.registry.byId('0'.repeat(32))?.view).toBeUndefined()
    const { id, sid } = await bench.warmed()
    expect(bench.registry.byId(sid)?.view).toBeUndefined()
    await bench.pass(121)
    expect(bench.registry.byId(id)?.view).toBeUndefined()
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

describe('all sessions', () => {
  test('are listed in the order of their creation', async () => {
    const bench = new BoshBench()
    const ids: string[] = []
    for (let count = 0; count < 5; count++) ids.push((await bench.warmed()).id)
    bench.registry.byId(ids[1]!)?.end('logout', 'loggedOut')
    expect([...bench.registry.list()].map(({ id }) => id)).toEqual(ids.filter(id => id !== ids[1]))
  })

  test('of a user are found by the bare JID', async () => {
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
    bench.registry.byId(two)?.end('logout', 'loggedOut')
    expect(found('romeo@chat.example')).toEqual([one, third])
    bench.registry.byId(one)?.end('logout', 'loggedOut')
    expect(found('romeo@chat.example')).toEqual([third])
    bench.registry.byId(third)?.end('logout', 'loggedOut')
    expect(found('romeo@chat.example')).toEqual([])
  })
})

describe('a session that is ended from outside', () => {
  test('ends at once: its page gets the end, and its server sees an orderly end', async () => {
    const bench = new BoshBench({ maxRequests: 3 })
    const client = await bench.warmed({}, "wait='60' hold='2' ver='1.6'")
    const polls = [await client.next(), await client.next()]
    expect(await bench.sessions.end(client.id)).toBe(true)
    await bench.pass(0)
    expect(polls.map(({ reply }) => reply?.body)).toEqual([ended, empty])
    expect(client.link.closed).toBe(true)
    expect(bench.registry.size).toBe(0)
    expect((await client.next()).reply?.body).toBe(terminated('item-not-found'))
  })

  test('returns stanzas that its page never fetched to their senders', async () => {
    const { bench, client } = await BoshBench.warmed()
    await bench.server(link => link.receive("<message xmlns='jabber:client' from='a@x' id='m'/>"))
    bench.registry.byId(client.id)?.end('logout', 'loggedOut')
    expect(client.link.sent.join()).toContain("type='error' to='a@x' id='m'")
    expect(client.link.closed).toBe(true)
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

  test('can be ended only once', async () => {
    const { bench, client } = await BoshBench.warmed()
    expect([await bench.sessions.end(client.id), await bench.sessions.end(client.id)]).toEqual([true, false])
    expect(await bench.sessions.end('unknown')).toBe(false)
  })
})
