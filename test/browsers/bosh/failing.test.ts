// If any part of a session throws, only this session ends, and its client gets an error.
import { describe, expect, test } from '@jest/globals'
import { BoshBench, type Client, create, lost, message, payload, terminated } from '../../support/bosh-bench.js'
import { element } from '../../support/element.js'

const fail = () => {
  throw new TypeError('not foreseen: Pa55-of-alice')
}

/** Every method of the link throws from now on. */
function breakLink({ link }: Client): void {
  Object.assign(link, { send: fail, restart: fail, pause: fail, resume: fail, close: fail })
}

/** Two sessions. The first will fail. */
async function two() {
  const { bench, client: failing } = await BoshBench.session()
  const other = await bench.session()
  return { bench, failing, other }
}

/** The first session has ended with one report. The other session continues. */
async function expectOneOver(bench: BoshBench, failing: Client, other: Client): Promise<void> {
  expect(bench.registry.bySid(failing.sid)).toBeUndefined()
  expect(bench.counts).toMatchObject({ faults: 1, sessionsEnded: { fault: 1 } })
  const faults = bench.logged.filter(line => line.includes('"level":50'))
  expect(faults).toHaveLength(1)
  expect(JSON.parse(faults[0]!)).toMatchObject({
    incident: expect.stringMatching(/^[0-9a-f-]{36}$/),
    session: failing.id,
    error: 'TypeError',
  })
  expect(faults[0]).not.toContain('Pa55')
  const poll = await other.next(message('to the server'))
  await bench.server(() => other.link.receive(message('from the server')))
  expect(poll.reply?.body).toBe(payload(message('from the server')))
  expect(other.link.sent).toEqual([message('to the server')])
}

describe('a fault in a session', () => {
  test('during a request answers this request and all held requests with an error', async () => {
    const { bench, failing, other } = await two()
    const held = await failing.next()
    breakLink(failing)
    const request = await failing.next(message('to the server'))
    for (const { reply } of [held, request]) expect(reply?.body).toBe(terminated('internal-server-error'))
    await expectOneOver(bench, failing, other)
  })

  test.each<[string, string, (failing: Client) => void]>([
    [
      // The link catches errors of its owner, and reports its end.
      'at an element of its server',
      'internal-server-error',
      ({ link }) => link.end({ failure: { step: 'features', code: 'internal-error', cause: new TypeError('x') } }),
    ],
    ['at the end of its link', 'remote-connection-failed', ({ link }) => link.end(lost)],
    [
      'during its eviction',
      'internal-server-error',
      ({ bench, id }) => bench.registry.byId(id)!.end('limit', 'reported'),
    ],
  ])('%s ends the held request with %s, and no other session', async (_when, condition, act) => {
    const { bench, failing, other } = await two()
    const held = await failing.next()
    breakLink(failing)
    await bench.server(() => act(failing))
    expect(held.reply?.body).toBe(terminated(condition))
    await expectOneOver(bench, failing, other)
  })

  test('at its deadline does not delay the deadlines of other sessions', async () => {
    const { bench, failing, other } = await two()
    const poll = await other.next()
    breakLink(failing)
    await bench.pass(151)
    expect(poll.reply).toBeDefined()
    await expectOneOver(bench, failing, other)
  })

  test('during an abandoned login removes it', async () => {
    const bench = new BoshBench()
    const { opening } = bench.login()
    const failing = bench.link
    const other = await bench.session()
    Object.assign(failing, { close: fail })
    opening.abandon()
    await bench.pass(0)
    expect(bench.registry.size).toBe(1)
    expect(bench.counts).toMatchObject({ faults: 1, sessionsEnded: { fault: 1 } })
    expect((await other.next('', "type='terminate'")).reply?.body).toContain("type='terminate'")
  })

  test('during a stop does not keep the service from answering other clients', async () => {
    const { bench, failing, other } = await two()
    const polls = [await failing.next(), await other.next()]
    breakLink(failing)
    bench.manager.shutDown()
    await bench.pass(0)
    expect(polls.map(({ reply }) => reply?.body)).toEqual(Array(2).fill(terminated('system-shutdown')))
    expect(bench.registry.size).toBe(0)
    expect(other.link.closed).toBe(true)
  })

  test('during its creation is reported in the first reply', async () => {
    const bench = new BoshBench({}, ['chat.example'], { connect: fail })
    expect((await bench.send(create())).reply?.body).toBe(terminated('internal-server-error'))
    expect(bench.registry.size).toBe(0)
    expect(bench.counts.faults).toBe(1)
  })
})

describe('a stanza that is dropped', () => {
  test('is counted, and logged once a minute without its content', async () => {
    const { bench, failing, other } = await two()
    for (const { link } of [failing, other, other]) link.events.onDropped?.()
    expect(bench.counts).toMatchObject({ unfitStanzas: { dropped: 3 } })
    const lines = () => bench.logged.filter(line => line.includes('a stanza of an XMPP server was'))
    expect(lines()).toHaveLength(1)
    const about = { level: 40, session: failing.id, domain: 'chat.example', fate: 'dropped' }
    expect(JSON.parse(lines()[0]!)).toMatchObject(about)
    bench.clock.advance(60_000)
    other.link.events.onDropped?.()
    expect(lines()).toHaveLength(2)
  })

  const stanza = (name: string, attributes: string) => element(`<${name} xmlns='jabber:client' ${attributes}/>`)
  const error = "<error type='{}'><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text "

  test.each([
    ['message', "from='a@b/c' to='c@d/e' id='1' type='chat'", "to='a@b/c' id='1'"],
    ['iq', "from='a@b/c' id='1' type='get'", "to='a@b/c' id='1'"],
    ['iq', "id='1' type='set'", "id='1'"],
    ['message', "from='a@b/c' id='1'", "to='a@b/c' id='1'"],
    // An error would show a stranger that the user is online, and the full JID.
    ['message', "from='a@b/c' to='c@d' id='1' type='chat'", ''],
    ['iq', "from='a@b/c' to='c@d' id='1' type='get'", ''],
    ['message', "from='a@b/c' id='1' type='error'", ''],
    ['presence', "from='a@b/c'", ''],
    // A room removes an occupant that answers with an error.
    ['message', "from='room@b/c' id='1' type='groupchat'", ''],
    ['message', "from='a@b' id='1' type='headline'", ''],
  ])('is answered with an error, unless its server does not read: %s %s', async (name, attributes, answered) => {
    const { bench, client } = await BoshBench.warmed()
    await bench.server(({ events }) => events.onDropped?.(stanza(name, attributes)))
    const answer = `<${name} xmlns='jabber:client' type='error' ${answered}>${error.replace('{}', 'modify')}`
    expect(client.link.sent).toEqual(answered === '' ? [] : [expect.stringContaining(answer)])
    client.link.sent.length = 0
    client.link.backlog = 10 * 2 ** 20
    await bench.server(({ events }) => events.onDropped?.(stanza(name, attributes)))
    expect(client.link.sent).toEqual([])
  })

  test.each(['result', 'error'])('gives the page an error if it is a dropped %s', async type => {
    const { bench, client } = await BoshBench.warmed()
    const held = await client.next()
    const answer = stanza('iq', `from='a@b' to='c@d/e' id='roster' type='${type}'`)
    await bench.server(() => {
      client.link.events.onDropped?.(answer)
      client.link.events.onFlush?.()
    })
    const start = `<iq xmlns='jabber:client' type='error' from='a@b' to='c@d/e' id='roster'>`
    expect(held.reply?.body).toContain(start + error.replace('{}', 'cancel'))
    expect(client.link.sent).toEqual([])
  })
})
