import { afterEach, describe, expect, jest, test } from '@jest/globals'
import { WaitingMemory } from '../../../src/lib/limits/waiting-memory.js'
import { paced } from '../../../src/lib/paced.js'
import { createDialer } from '../../../src/servers/c2s/dial.js'
import { writeStreamError } from '../../../src/xmpp/stream-errors.js'
import { element } from '../../support/element.js'
import { eventually } from '../../support/eventually.js'
import { FakeClock } from '../../support/fake-clock.js'
import { dialerParts } from '../../support/link-parts.js'
import { ScriptedServer } from '../../support/scripted-server.js'
import {
  Call,
  connect,
  ended,
  features,
  featuresSeen,
  footer,
  opened,
  ourHeader,
  plainHeader,
  proceed,
  proceeding,
  serverHeader,
  stopServers,
  streams,
  toldAfter,
} from './call.js'

afterEach(stopServers)

const failed = 'end features remote-connection-failed'

describe('a link without TLS', () => {
  test('opens a stream without `from`, and reports header and features', async () => {
    const { call, peer } = await connect({}, { from: 'juliet@example.org' })
    expect(await peer.until("streams'>")).toBe(plainHeader)
    expect(call.told).toEqual([])
    peer.send(serverHeader + features)
    expect(await call.hears('flush')).toEqual(['open 1 example.org', featuresSeen, 'flush'])
    expect(call.link.facts).toMatchObject({ encrypted: false, plainAllowed: false, offersClientStates: false })
    expect((await connect({ allowsPlain: true })).call.link.facts.plainAllowed).toBe(true)
    expect(peer.unread).toBe('')
    expect(call.clock.pending).toBe(0)
  })

  test('reports whether the server offers client states after the login', async () => {
    const { call, peer } = await connect()
    const inline = "<bind xmlns='urn:xmpp:bind:0'><inline><feature var='urn:xmpp:csi:0'/></inline></bind>"
    peer.send(`${serverHeader}<stream:features>${inline}</stream:features>`)
    await call.hears('flush')
    expect(call.link.facts.offersClientStates).toBe(false)
    peer.send("<stream:features><csi xmlns='urn:xmpp:csi:0'/></stream:features><presence/>")
    await call.hears('<presence')
    expect(call.link.facts.offersClientStates).toBe(true)
  })

  test.each([
    ["<close xmlns='urn:ietf:params:xml:ns:xmpp-framing' see-other-uri='wss://evil.example/'/>"],
    ["<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>"],
    ["<b:body xmlns:b='http://jabber.org/protocol/httpbind' type='terminate'/>"],
    ["<link xmlns='urn:warm-bindings:link:0' state='mending'/>"],
    ["<message><e xmlns='urn:p' p:k='1'/></message>"],
    ['a larger stanza than allowed', `<message>${'x'.repeat(4 * 1024 * 1024)}</message>`],
  ])('drops %s, reports this, and continues', async (what, said = what) => {
    const { call, peer } = await opened()
    peer.send(`${said}<presence/>`)
    await call.hears('<presence')
    expect(call.told.filter(line => line !== 'flush')).toEqual(['dropped', "<presence xmlns='jabber:client'/>"])
  })

  test('ends if the server sends more features than the limit', async () => {
    const { call, peer } = await connect()
    const long = `<x xmlns='${'u'.repeat(10_000)}'/>`
    peer.send(`${serverHeader}<stream:features>${long}</stream:features>`)
    await call.hears('end')
    expect(call.told.at(-1)).toBe('end features remote-protocol-error')
    expect(await peer.until('</stream:error>')).toContain('<policy-violation ')
  })

  test.each([
    ['its attributes escaped', `<"'&>`, "d'e", "to='&lt;&quot;&apos;&amp;&gt;' version='1.0' xml:lang='d&apos;e'"],
    ['U-labels', 'xn--bcher-kva.example', 'en', "to='bücher.example' version='1.0' xml:lang='en'"],
  ])('sends a header with %s', async (_what, domain, lang, attributes) => {
    const { peer } = await connect({}, { domain, lang })
    expect(await peer.until("streams'>")).toBe(ourHeader(attributes))
  })

  test('transports stanzas in both directions, and reports the end of each read once', async () => {
    const { call, peer } = await opened()
    call.link.send([element("<message to='romeo@example.org'/>")])
    await peer.until("<message to='romeo@example.org'/>")
    peer.send('<message/> <presence/><i')
    await call.hears('flush')
    peer.send('q/>')
    await call.hears('<iq')
    await Promise.resolve()
    const [message, presence, iq] = ['message', 'presence', 'iq'].map(name => `<${name} xmlns='jabber:client'/>`)
    expect(call.told).toEqual([message, presence, 'flush', iq, 'flush'])
  })

  test('sends nothing before its stream is open', async () => {
    const listener = await ScriptedServer.start()
    const call = new Call({ port: listener.port })
    call.link.send([element('<early/>')])
    call.link.restart({})
    const peer = await listener.connection()
    expect(await peer.until('<stream:stream')).not.toContain('early')
    peer.reset()
    await call.hears('closed')
    listener.stop()
  })

  test('leaves a turn to others after 64 KiB, together with all that send so much', async () => {
    const all = [await opened(), await opened(), await opened(), await opened(), await opened(), await opened()]
    let ofTurn = 0
    const turns: number[] = []
    const isOver = () => all.every(({ call }) => call.told.some(line => line.startsWith('<last')))
    const turn = () => {
      if (ofTurn > 0) turns.push(ofTurn)
      ofTurn = 0
      if (!isOver()) setImmediate(turn)
    }
    turn()
    for (const { call, peer } of all) {
      call.onTold = line => {
        ofTurn += line.length
      }
      peer.send(`${`<message>${'x'.repeat(10_000)}</message>`.repeat(100)}<last/>`)
    }
    for (const { call } of all) await call.hears('<last')
    // In one turn, each may begin.
    const [most, next] = turns.sort((a, b) => b - a)
    expect(most).toBeLessThan(6 * 100_000)
    expect(next).toBeLessThan(200_000)
  })

  test('waits for its turn although it is paused and resumed meanwhile', async () => {
    const floods = [await opened(), await opened(), await opened(), await opened(), await opened(), await opened()]
    const { call: honest, peer } = await opened()
    const chunk = `<message>${'x'.repeat(10_000)}</message>`.repeat(20)
    let ofOthers = 0
    for (const { call, peer } of floods) {
      call.onTold = line => {
        call.told.length = 0
        ofOthers += line.length
        // As a session whose outbox was full, until its page took it.
        call.link.pause()
        setImmediate(() => call.link.resume())
      }
      const more = () => void (peer.raw.destroyed || peer.raw.write(chunk, more))
      more()
    }
    await eventually('they send without end', () => ofOthers > 10_000_000)
    ofOthers = 0
    peer.send(`<message>${'x'.repeat(70_000)}</message><last/>`)
    await honest.hears('<last')
    expect(ofOthers).toBeLessThan(20_000_000)
    for (const { peer } of floods) peer.reset()
  })

  test('stays paused although it leaves a turn to others', async () => {
    const { call, peer } = await opened()
    call.onTold = line => {
      if (line.startsWith('<message')) call.link.pause()
    }
    peer.send(`<message>${'x'.repeat(100_000)}</message><last/>`)
    await call.hears('<message')
    for (let turns = 0; turns < 5; turns++) await new Promise(resolve => setImmediate(resolve))
    peer.send('<later/>')
    for (let turns = 0; turns < 5; turns++) await new Promise(resolve => setImmediate(resolve))
    expect(call.told.some(line => line.startsWith('<later'))).toBe(false)
    call.link.resume()
    await call.hears('<later')
  })

  test('sends a space to keep an idle connection open, and none while there is traffic', async () => {
    const { call, peer } = await opened()
    call.link.keepAlive()
    call.link.send([element('<busy/>')])
    call.link.keepAlive()
    call.link.keepAlive()
    call.link.send([element('<end/>')])
    expect(await peer.until('<end/>')).toBe('<busy/> <end/>')
  })

  test('starts a new stream even if the server sends white space before its new header', async () => {
    const { call, peer } = await opened()
    call.link.restart({})
    await peer.until(plainHeader)
    peer.send(' ')
    await call.hears('flush')
    peer.send(`\r\n\t ${serverHeader}`)
    await call.hears('open 1 example.org')
    peer.send(' <x/>')
    await call.hears('<x')
  })

  test.each([
    ['nothing', '', true],
    ['an element and white space', "<x:message xmlns:x='jabber:client'> </x:message>\t", true],
    ['part of an element', '<message><body>half', false],
    ['part of a tag', '<', false],
    ['part of a character', Buffer.from('<message>é</message>').subarray(0, 10), false],
  ])('reports whether it is between two elements, after %s', async (_what, said, isBetween) => {
    const { call, peer } = await opened()
    peer.send(said === '' ? ' ' : said)
    await call.hears('flush')
    expect(call.link.isBetweenElements).toBe(isBetween)
    call.link.restart({})
    expect(call.link.isBetweenElements).toBe(false)
  })

  test('starts a new stream on the same connection', async () => {
    const { call, peer } = await opened()
    call.link.restart({ lang: 'de' })
    await peer.until(ourHeader("to='example.org' version='1.0' xml:lang='de'"))
    const header = serverHeader.replace("id='1' version='1.0'", "id='2' version='1.1'")
    peer.send(`${header.replace("xmlns='jabber:client'", '')}<x/>${features}`)
    expect(await call.hears('flush')).toEqual(['open 2 example.org', "<x xmlns=''/>", featuresSeen, 'flush'])
  })
})

describe('faults of a server', () => {
  test.each([
    ['namespace is not that of streams', serverHeader.replace(streams, 'urn:x'), 'invalid-namespace'],
    ['namespace is that of clients', "<stream xmlns='jabber:client' version='1.0'>", 'invalid-namespace'],
    ['element is not <stream/>', serverHeader.replace('<stream:stream', '<stream:features'), 'invalid-namespace'],
    ['version is missing', serverHeader.replace("id='1' version='1.0'", "id='1'"), 'unsupported-version'],
    ['version is 2.0', serverHeader.replace("id='1' version='1.0'", "version='2.0'"), 'unsupported-version'],
    ['id is long', serverHeader.replace("id='1'", `id='${'x'.repeat(1024)}'`), 'policy-violation'],
    ['language is long', serverHeader.replace("id='1'", `xml:lang='${'x'.repeat(1024)}'`), 'policy-violation'],
    ['version is 10', serverHeader.replace("id='1' version='1.0'", "version='10'"), 'unsupported-version'],
    ['text is that of HTTP', 'HTTP/1.1 400 Bad Request\r\n\r\n', 'not-well-formed'],
    ['document has a type', '<!DOCTYPE x>', 'restricted-xml'],
  ])('a header: its %s', async (_what, header, condition) => {
    const { call, peer } = await connect()
    await peer.until(plainHeader)
    peer.send(`${header}${features}<message/>`)
    await call.hears('end')
    expect(await ended(call, peer)).toEqual(['end features remote-protocol-error', 'closed'])
    expect(peer.unread).toBe(writeStreamError(condition) + footer)
  })

  test('faults before encryption are reported to the server as a stream error', async () => {
    const { call, peer } = await connect({ tls: 'starttls' })
    await peer.until(plainHeader)
    peer.send('garbage')
    expect(await peer.rest()).toBe(writeStreamError('not-well-formed'))
    expect(call.told).toEqual(['closed', 'end tls remote-protocol-error'])
  })
})

describe('a stream error', () => {
  const errors = 'urn:ietf:params:xml:ns:xmpp-streams'
  const conflict = `<conflict xmlns='${errors}'/>`
  const text = `<text xmlns='${errors}' xml:lang='en'>Replaced</text>`
  const prefixed = `<error xmlns='${streams}' xmlns:e='${errors}'><e:conflict/></error>`
  const noFeatures = `<undefined-condition xmlns='${errors}'/><text xmlns='${errors}'>No stream features to proceed with</text>`

  test.each([
    ['with a text', `<stream:error>${conflict}${text}</stream:error>`, 'remote-stream-error conflict'],
    ['with the text first', `<stream:error>${text}${conflict}</stream:error>`, 'remote-stream-error conflict'],
    ['with its own words', `<stream:error><x xmlns='x'/>${conflict}</stream:error>`, 'remote-stream-error conflict'],
    ['with other prefixes', prefixed, 'remote-stream-error conflict'],
    ['for an unknown host', writeStreamError('host-unknown'), 'host-unknown host-unknown'],
    ['for a removed host', writeStreamError('host-gone'), 'host-unknown host-gone'],
    ['for a lack of features', `<stream:error>${noFeatures}</stream:error>`, 'no-mechanism undefined-condition'],
    ['without a condition', '<stream:error/>', 'remote-stream-error'],
    ['with text only', '<stream:error>oops</stream:error>', 'remote-stream-error'],
  ])('%s ends the link', async (_what, error, expected) => {
    const { call, peer } = await opened()
    // Elements after the error do not count.
    peer.send(`<message/>${error}<message/>${footer}`)
    await peer.until(footer)
    await call.hears('end')
    const told = (await ended(call, peer)).filter(line => line !== 'flush')
    expect(told).toEqual(["<message xmlns='jabber:client'/>", `end features ${expected}`, 'closed'])
    expect(call.ends[0]!.streamError).toMatch(/^<(stream:)?error .*error>$|^<stream:error .*\/>$/)
  })

  test('ends the link even if the turn of the event loop is long already', async () => {
    const { call, peer } = await opened()
    call.onTold = line => {
      if (!line.startsWith('<message')) return
      paced(call, () => {})
      const start = performance.now()
      while (performance.now() - start < 20);
    }
    peer.send(`<message/>${writeStreamError('conflict')}<message/><message/>`)
    await call.hears('end')
    expect(call.told.filter(line => line.startsWith('<message'))).toHaveLength(1)
  })
})

describe('a server that closes', () => {
  test('its stream gets the end of our stream, then of the connection', async () => {
    const { call, peer } = await opened()
    peer.send(`<message/>${footer}`)
    expect(await peer.rest()).toBe(footer)
    expect(await ended(call, peer)).toEqual(["<message xmlns='jabber:client'/>", failed, 'closed'])
  })

  test('the connection without its stream ends the link', async () => {
    const { call, peer } = await opened()
    expect(await ended(call, peer, "<message to='rom")).toEqual(['flush', failed, 'closed'])
  })

  test('the connection by a reset ends the link', async () => {
    const { call, peer } = await opened()
    peer.reset()
    expect(await call.hears('closed')).toEqual([failed, 'closed'])
    expect(call.ends[0]!.failure.cause).toMatchObject({ code: 'ECONNRESET' })
  })

  test('its stream, but not the connection, is disconnected after five seconds', async () => {
    const { call, peer } = await opened()
    peer.raw.allowHalfOpen = true
    peer.send(footer)
    await call.hears('end')
    expect(toldAfter(call, 5_000)).toEqual(['closed'])
  })
})

describe('a link that is closed', () => {
  test('uses no memory for an incomplete stanza', async () => {
    const waiting = new WaitingMemory()
    const { call, peer } = await opened({ waiting })
    peer.send(`<message><body>${'x'.repeat(50_000)}`)
    await eventually('it is counted', () => waiting.bytes >= 100_000)
    peer.reset()
    await call.hears('closed')
    expect(waiting.bytes).toBe(0)
  })

  test('sends the end of its stream, waits for the server’s, even if paused, and reports nothing more', async () => {
    const { call, peer } = await opened()
    call.link.pause()
    call.link.close()
    call.link.close()
    call.link.send([element('<late/>')])
    call.link.restart({})
    await peer.until(footer)
    peer.send(`<message/>${features}${writeStreamError('conflict')}`)
    peer.send(footer)
    expect(await peer.rest()).toBe('')
    expect(call.told).toEqual([])
    expect(await ended(call, peer)).toEqual(['closed'])
    expect(call.clock.pending).toBe(0)
  })

  test('and then receives garbage is disconnected at once', async () => {
    const { call, peer } = await opened()
    call.link.close()
    await peer.until(footer)
    peer.send('garbage<<')
    await call.hears('closed')
    expect(await peer.rest()).toBe('')
    peer.end()
    await peer.gone
    expect(call.told).toEqual(['closed'])
  })

  test('at once drops an incomplete element', async () => {
    const waiting = new WaitingMemory()
    const { call, peer } = await opened({ waiting })
    peer.send(`<message><body>${'x'.repeat(500_000)}`)
    await eventually('it is counted', () => waiting.bytes >= 1_000_000)
    expect(call.link.unfinishedBytes).toBe(waiting.bytes)
    call.link.abandon()
    expect([waiting.bytes, call.link.unfinishedBytes]).toEqual([0, 0])
    peer.send('x'.repeat(500_000))
    expect(await peer.rest()).toBe(footer)
    expect(waiting.bytes).toBe(0)
    await ended(call, peer)
  })

  test('before it is connected is never connected', async () => {
    const clock = new FakeClock()
    const other = { host: '192.0.2.1', port: 5222, tls: 'none' as const }
    const search = createDialer(dialerParts(clock))({ domain: 'example.org', server: undefined, other })
    const cancel = jest.spyOn(search, 'cancel')
    const call = new Call({}, {}, { clock, dialer: () => search })
    call.link.pause()
    call.link.resume()
    call.link.close()
    expect(call.told).toEqual(['closed'])
    expect(cancel).toHaveBeenCalledTimes(1)
    expect(clock.pending).toBe(0)
  })

  test('after it has received <proceed/> sends nothing more', async () => {
    const { call, peer } = await proceeding()
    peer.send(proceed)
    call.link.close()
    await peer.rest()
    expect(call.told).toEqual(['closed'])
  })

  test.each(['open', '<stream:features', 'flush'])('during the event %s reports nothing more', async moment => {
    const { call, peer } = await connect()
    await peer.until(plainHeader)
    call.onTold = line => {
      if (line.startsWith(moment)) call.link.close()
    }
    peer.send(`${serverHeader}${features}`)
    await peer.until(footer)
    expect((await ended(call, peer, `<message/>${footer}`)).at(-2)).toMatch(moment)
  })

  test('during its end is not closed twice', async () => {
    const { call, peer } = await opened()
    call.onTold = line => {
      if (line.startsWith('end')) call.link.close()
    }
    expect(await ended(call, peer, footer)).toEqual([failed, 'closed'])
  })
})

describe('a server that does not answer', () => {
  test.each([
    ['the header', ''],
    ['features', serverHeader],
    ['features instead of a stanza', `${serverHeader}<message/>`],
  ])('with %s in ten seconds is disconnected', async (_what, said) => {
    const { call, peer } = await connect()
    await peer.until(plainHeader)
    peer.send(`${said} `)
    await call.hears('flush')
    expect(toldAfter(call, 10_000)).toEqual(['end features timeout', 'closed'])
    expect(call.clock.pending).toBe(0)
  })

  test('in a login gets the end of the stream', async () => {
    const { call, peer } = await opened()
    call.link.timeOut('sasl')
    await peer.until(footer)
    await ended(call, peer)
  })

  test('in a resumption gets no end of the stream', async () => {
    const { call, peer } = await opened()
    call.link.timeOut('sasl', false)
    expect(await peer.rest()).toBe('')
    expect(await ended(call, peer)).toEqual(['end sasl timeout', 'closed'])
  })

  test('has as much time as a step of a login, if that is more', async () => {
    const { call, peer } = await opened({ stepSeconds: 25 })
    call.link.restart({})
    await peer.until(plainHeader)
    expect(toldAfter(call, 25_000)).toEqual(['end features timeout', 'closed'])
  })

  test.each([
    ['<starttls/>', ''],
    ['the beginning of TLS', proceed],
  ])('to %s in ten seconds is disconnected', async (_what, said) => {
    const { call, peer } = await proceeding()
    peer.send(said)
    if (said !== '') await peer.until('\x16')
    call.clock.advance(10_000)
    expect(await call.hears('end')).toEqual(['closed', 'end tls timeout'])
    expect(call.clock.pending).toBe(0)
  })
})
