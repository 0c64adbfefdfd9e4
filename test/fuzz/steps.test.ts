// Shapes that no list has: twice as much of anything takes at most about twice as many steps, whatever reads it.
//   STEP_CASES  how many shapes for each reader (150)
//   STEP_SEED   (20261121)
import type { IncomingMessage } from 'node:http'
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { AttachCookie } from '../../src/browsers/bosh/attach-cookie.js'
import { parseBody, readBodyHead } from '../../src/browsers/bosh/body.js'
import { loadConfig } from '../../src/config/load.js'
import { clientAddress } from '../../src/http/access/client-rules.js'
import { negotiate } from '../../src/http/answers/negotiation.js'
import { bodyFormat } from '../../src/http/bodies/read-body.js'
import { linksInXrd } from '../../src/remote/endpoint-discovery.js'
import { namesOf } from '../../src/servers/net/certificate-names.js'
import { readParameters } from '../../src/warm/read-parameters.js'
import { toWarmRequest } from '../../src/warm/warming/warm-request.js'
import { prepareDomain } from '../../src/xmpp/jid/domains.js'
import { parseJid } from '../../src/xmpp/jid/jid.js'
import { defaultLimits } from '../../src/xmpp/xml/limits.js'
import { Splitter } from '../../src/xmpp/xml/splitter.js'
import { numberFrom } from '../support/random.js'
import { countSteps } from '../support/steps.js'

const parameters = { seed: numberFrom('STEP_SEED', 20261121), numRuns: numberFrom('STEP_CASES', 150) }
/** How many bytes a shape has, and then twice as many. */
const size = 3_000
/** How many times as many steps twice as much may take, and what may come to it for what is done once. */
const mostGrowth = 2.6
const once = 10_000

const namespaces = ["xmlns='urn:a'", "xmlns:p='urn:p'", "xmlns:q='urn:p'", "xmlns=''", "xmlns:p=''"]
const xml = [
  ...['<a>', '</a>', '<a/>', '<p:a>', '</p:a>', '<q:a/>', '<a ', '/>', '>', '<', '</', '&', ';', '&amp;', '&#13;'],
  ...[' ', '\n', '\r', '\t', "'", '"', '=', ' b=', "b='c'", " p:b='c'", 'x', 'é', '😀', '\0', ']', ']]>', ']]'],
  ...['<![CDATA[', '<![CDATA[x]]>', '<!--', '-->', '<?', '?>', '<!', ':', ...namespaces.map(text => ` ${text}`)],
  ...['<body', ' sid=', " rid='1'", "<iq id='1'/>", '<message><body>hi</body></message>'],
]
const fields = [
  ...['{', '}', '[', ']', '"', '\\', '\\"', ':', ',', '"a":1,', '"jid":', '"a@b"', '1', ' ', '\n', 'null', '\\u0041'],
  ...['&', '=', 'jid=', 'a=1&', '%', '%41', '%zz', '%c3', '+', 'wait=', '-', '.', '@', '/', 'xn--', 'é', '\u200d'],
]
const headerParts = [
  ...[',', ';', '=', ' ', '\t', '"', 'q=', ';q=0.5', 'text/html', '*/*', 'a', '1', '.', ':', '::', '[', ']', '%'],
  ...['127.0.0.1', 'unknown', 'wb-0=', 'a=b; ', 'charset=', 'DNS:', 'othername:', ', ', '\\', 'xmlns'],
]

const stream = "<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:client'>"
function split(text: string, pieceSize: number): void {
  const bytes = Buffer.from(text)
  const splitter = new Splitter({ onElement() {} }, defaultLimits, {
    lenient: true,
  })
  for (let at = 0; at < bytes.length; at += pieceSize) splitter.write(bytes.subarray(at, at + pieceSize))
}

const { config } = loadConfig({ ADMIN_USERS: 'a:b', XMPP_DOMAINS: 'example.com' })

/** What a call of the warm API goes through, once its admin is known. */
function readCall(contentType: string, body: string): void {
  toWarmRequest(readParameters(contentType, Buffer.from(body)), config)
}

function readContentType(value: string): void {
  bodyFormat(value)
  readParameters(`application/json;${value}`, Buffer.from('{}'))
}

const cookie = AttachCookie.forPage('0', 'reply', 60, { path: '/', secure: false }, 0)

const forwarded = (value: string) =>
  ({ headers: { 'x-forwarded-for': value }, socket: { remoteAddress: '127.0.0.1' } }) as unknown as IncomingMessage

const whole = Number.MAX_SAFE_INTEGER
const readers: Readonly<Record<string, readonly [parts: readonly string[], read: (text: string) => void]>> = {
  'a body': [xml, text => parseBody(`<body rid='1' xmlns='http://jabber.org/protocol/httpbind'>${text}</body>`)],
  'a body, start and all': [xml, text => parseBody(text)],
  'a stanza of a server': [xml, text => split(`${stream}<a>${text}</a>`, whole)],
  'a stream': [xml, text => split(stream + text, whole)],
  'a stream in pieces': [xml, text => split(stream + text, 7)],
  'a stream, start and all, byte by byte': [xml, text => split(text, 1)],
  'the head of a body': [xml, readBodyHead],
  'an XRD with comments': [xml, linksInXrd],
  JSON: [fields, text => readCall('application/json', `{"jid":${text}}`)],
  'JSON in a string': [fields, text => readCall('application/json', JSON.stringify({ jid: text, b: [text] }))],
  'a form': [fields, text => readCall('', text)],
  'a JID': [fields, parseJid],
  'a domain': [fields, prepareDomain],
  Accept: [headerParts, accept => negotiate({ accept })],
  'Content-Type': [headerParts, readContentType],
  Cookie: [headerParts, text => cookie.admits(text)],
  'X-Forwarded-For': [headerParts, text => clientAddress(forwarded(text), config)],
  'names in a certificate': [headerParts, namesOf],
}

test.each(Object.entries(readers))(
  'the steps are proportional to the length of the input: %s',
  (_name, [parts, read]) => {
    const some = (minLength: number) =>
      fc.array(fc.constantFrom(...parts), { minLength, maxLength: 4 }).map(all => all.join(''))
    const stepsFor = (text: string) =>
      countSteps(() => {
        try {
          read(text)
        } catch {
          // Most of it is refused.
        }
      })
    fc.assert(
      fc.property(some(0), some(1), some(0), (start, piece, end) => {
        const repeated = piece.repeat(Math.ceil(size / piece.length))
        const steps = stepsFor(start + repeated + end)
        expect(stepsFor(start + repeated + repeated + end)).toBeLessThanOrEqual(mostGrowth * steps + once)
      }),
      parameters,
    )
  },
)
