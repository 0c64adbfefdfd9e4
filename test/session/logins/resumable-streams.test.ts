import { expect, test } from '@jest/globals'
import { ResumableStreams } from '../../../src/session/logins/resumable-streams.js'
import { BoshBench } from '../../support/bosh-bench.js'
import { element } from '../../support/element.js'

const domain = 'chat.example'
const enabled = (id: string) => element(`<enabled xmlns='urn:xmpp:sm:3' id='${id}' resume='true'/>`)
const resumed = (previd: string) => element(`<resumed xmlns='urn:xmpp:sm:3' previd='${previd}' h='0'/>`)
const owner = (id: string) => ({ id, domain, jid: `juliet@${domain}/${id}` })

test('a server that names many streams of one session does not displace those of others', () => {
  const streams = new ResumableStreams()
  streams.note(owner('a'), enabled('first'))
  const hostile = owner('b')
  for (let id = 0; id <= 20_000; id++) streams.note(hostile, enabled(`${id}`))
  expect(streams.of(domain, 'first')).toEqual({ jid: `juliet@${domain}/a`, session: 'a' })
  expect([streams.of(domain, '19999'), streams.of(domain, '20000')?.session]).toEqual([undefined, 'b'])
})

test('a stream that another session has resumed stays known, whatever the session before notes', () => {
  const streams = new ResumableStreams()
  const [before, after] = [owner('a'), owner('b')]
  streams.note(before, enabled('first'))
  streams.note(after, resumed('first'))
  streams.note(before, enabled('second'))
  expect(streams.of(domain, 'first')?.session).toBe('b')
})

test('an id of more than 4,000 characters is no stream', () => {
  const streams = new ResumableStreams()
  streams.note(owner('a'), enabled('x'.repeat(4_001)))
  expect(streams.of(domain, 'x'.repeat(4_001))).toBeUndefined()
})

test('a stream that has ended is forgotten, unless another session has resumed it', () => {
  const streams = new ResumableStreams()
  const [before, after] = [owner('a'), owner('b')]
  streams.note(before, enabled('first'))
  streams.note(after, resumed('first'))
  streams.forget(before)
  expect(streams.of(domain, 'first')?.session).toBe('b')
  streams.forget(after)
  expect(streams.of(domain, 'first')).toBeUndefined()
})

test('the stream of a client that logs out is forgotten', async () => {
  const { bench, client } = await BoshBench.session()
  await bench.server(link => link.bind())
  await bench.server(link => link.receive(enabled('first')))
  const { streams } = bench.registry
  expect(streams.of(domain, 'first')).toBeDefined()
  await client.next('', "type='terminate'")
  expect(streams.of(domain, 'first')).toBeUndefined()
})
