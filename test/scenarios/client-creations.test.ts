// The first request of each known BOSH client and prebind library, with its header fields, as it goes over the wire.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type DemoServer, startDemoServer } from '../../src/demo/server.js'
import { ask, type HttpAnswer } from '../support/http-answer.js'
import { startTestService, type TestService } from '../support/start-service.js'

const bosh = "xmlns='http://jabber.org/protocol/httpbind'"
const xbosh = "xmlns:xmpp='urn:xmpp:xbosh'"
const text = { 'content-type': 'text/xml; charset=utf-8' }

const clients: readonly (readonly [string, Record<string, string>, string])[] = [
  [
    'Strophe.js 5',
    text,
    `<body rid='4053160142' ${bosh} to='localhost' xml:lang='en' wait='60' hold='1' content='text/xml; charset=utf-8' ver='1.6' xmpp:version='1.0' ${xbosh}/>`,
  ],
  [
    'stanza 12',
    text,
    `<body ${bosh} hold="2" wait="30" to="localhost" xml:lang="en" ver="1.6" rid="829512" xmlns:ns0="urn:xmpp:xbosh" ns0:version="1.0"/>`,
  ],
  [
    'XmppPrebind of candy-chat',
    { 'content-type': 'text/xml; charset=utf-8', accept: '*/*' },
    `<?xml version="1.0" encoding="UTF-8"?>\n<body ${bosh} rid="74829163" hold="1" to="localhost" ${xbosh} xmpp:version="1.0" wait="60" ver="1.6" xml:lang="en" content="text/xml charset=utf-8"/>\n`,
  ],
  [
    'PHP libraries that write `secure` and `route`',
    { 'content-type': 'application/x-www-form-urlencoded', 'accept-encoding': 'gzip,deflate' },
    `<body content='text/xml; charset=utf-8' hold='1' ${bosh} to='localhost' wait='300' rid='1804289383' route='xmpp:localhost:5222' secure='false' ver='1.6' ${xbosh} xmpp:version='1.0'/>`,
  ],
  [
    'the Python client of Strophe',
    { 'content-type': 'text/xml' },
    `<body xmlns:xmpp="urn:xmpp:xbosh" window="5" rid="6742301" ver="1.6" wait="60" to="localhost" content="text/xml; charset=utf-8" ${bosh} hold="1" xmpp:version="1.0"/>`,
  ],
  [
    'node-xmpp-client',
    { 'content-type': 'application/xml' },
    `<body ${bosh} xml:lang="en" content="text/xml; charset=utf-8" to="localhost" wait="10" rid="731942" hold="1" ver="1.6" xmlns:xmpp="urn:xmpp:xbosh" xmpp:version="1.0"/>`,
  ],
  [
    'gloox',
    { 'content-type': 'text/xml; charset=utf-8', 'user-agent': 'gloox/1.0.24' },
    `<body rid='1729000001' content='text/xml; charset=utf-8' hold='1' wait='30' ack='0' secure='false' ver='1.6' route='xmpp:localhost:5222' to='localhost' xml:lang='en' xmpp:version='1.0' ${bosh} ${xbosh}/>`,
  ],
  [
    'libpurple',
    { 'content-encoding': 'text/xml; charset=utf-8', 'user-agent': 'Pidgin 2.14.14 (libpurple 2.14.14)' },
    `<body content='text/xml; charset=utf-8' secure='true' to='localhost' xml:lang='en' xmpp:version='1.0' ver='1.10' ${xbosh} rid='1963485402' wait='10' ${bosh} hold='1' ack='1'/>`,
  ],
  [
    'tsung',
    { 'content-type': 'text/xml; charset=utf-8', 'user-agent': 'tsung' },
    `<body content='text/xml; charset=utf-8' ver='1.8' hold='1' wait='60' xml:lang='en' to='localhost' rid='77812' ${xbosh} xmpp:version='1.0' ${bosh}/>`,
  ],
  [
    'Verse',
    { 'content-type': 'text/xml' },
    `<body rid='551208' ${bosh} content='text/xml; charset=utf-8' ver='1.6' hold='1' wait='60' to='localhost' from='alice@localhost' secure='true'/>`,
  ],
  [
    'jbosh and Smack',
    { 'content-type': 'text/xml; charset=utf-8' },
    `<body rid='2870193658472' ver='1.8' to='localhost' xml:lang='en' wait='60' hold='1' ack='1' xmpp:version='1.0' ${bosh} ${xbosh}></body>`,
  ],
  [
    'nbxmpp with keys',
    { 'content-type': 'text/xml; charset=utf-8', connection: 'Keep-Alive' },
    `<body content="text/xml; charset=utf-8" hold="2" to="localhost" wait="300" rid="438571" newkey="ca393b51b682f61f98e7877d61146407f3d0a770" route="xmpp:localhost:5222" ack="0" secure="true" xml:lang="en" ver="1.6" xmlns:xmpp="urn:xmpp:xbosh" xmpp:version="1.0" ${bosh}/>`,
  ],
  [
    'a page that avoids preflights',
    { 'content-type': 'text/plain; charset=UTF-8' },
    `<body rid='99001' ${bosh} to='localhost' wait='60' hold='1' content='text/plain' ver='1.11' xmpp:version='1.0' ${xbosh}/>`,
  ],
]

let server: DemoServer
let service: TestService

beforeAll(async () => {
  server = await startDemoServer({ alice: 'wonderland' })
  service = await startTestService({ servers: `localhost=xmpp://127.0.0.1:${server.port}?tls=none` })
})

afterAll(async () => {
  await service.stop()
  await server.stop()
})

const post = (headers: Record<string, string>, body: string): Promise<HttpAnswer> =>
  ask(`${service.url}/http-bind`, { method: 'POST', headers, agent: false }, body)

test.each(clients)('%s gets a session', async (_client, headers, body) => {
  const { status, text: created, headers: answered } = await post(headers, body)
  expect([status, answered['content-type']]).toEqual([200, expect.stringMatching(/^text\/(xml|plain); charset=utf-8$/)])
  expect(created).toMatch(/^<body sid='/)
  expect(created).not.toContain('terminate')
  const sid = / sid='([^']+)'/.exec(created)![1]
  const rid = Number(/ rid=["'](\d+)/.exec(body)![1]) + 1
  const features = created.includes('mechanisms') ? created : (await post(text, poll(sid!, rid))).text
  expect(features).toContain('<mechanism>SCRAM-SHA-1</mechanism>')
})

const poll = (sid: string, rid: number) => `<body rid='${rid}' sid='${sid}' ${bosh}/>`
