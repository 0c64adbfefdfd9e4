// Clients choose headers, so the cost to read a header must be linear.
import type { IncomingMessage } from 'node:http'
import { expect, test } from '@jest/globals'
import { AttachCookie } from '../../src/browsers/bosh/attach-cookie.js'
import { readBodyHead } from '../../src/browsers/bosh/body.js'
import { readHostName } from '../../src/config/kinds/kinds.js'
import { readNetworks } from '../../src/config/kinds/networks.js'
import { clientAddress, countsAsEncrypted } from '../../src/http/access/client-rules.js'
import { createFormTokens } from '../../src/http/access/form-tokens.js'
import { senderOf } from '../../src/http/access/sender.js'
import { negotiate } from '../../src/http/answers/negotiation.js'
import { demandFormat } from '../../src/http/bodies/read-body.js'
import { secretKeys } from '../../src/lib/secrets/secret-hashes.js'

const rules = { assumeSecure: false, trustedProxies: readNetworks('loopback', () => undefined) }
const from = (headers: IncomingMessage['headers']) =>
  ({ headers, socket: { remoteAddress: '127.0.0.1' } }) as unknown as IncomingMessage
const rules4 = { path: '/', secure: true }
const cookie = AttachCookie.forPage('1', 'reply', 60, rules4, 0)
const tokens = createFormTokens(
  secretKeys(() => undefined),
  () => 0,
)

const readers: Record<string, (header: string) => unknown> = {
  Accept: header => negotiate({ accept: header }),
  'Content-Type': header => demandFormat(header),
  'Content-Type, with a type': header => demandFormat(`application/json${header}`),
  Cookie: header => cookie.admits(header),
  'X-Forwarded-For': header => clientAddress(from({ 'x-forwarded-for': header }), rules),
  'X-Forwarded-Proto': header => countsAsEncrypted(from({ 'x-forwarded-proto': header }), rules),
  Host: header => readHostName(header),
  Origin: header => senderOf({ origin: header, host: header }, undefined),
  'a form token': header => tokens.accepts('admin', header),
  'the head of a body': header => readBodyHead(header),
  'the head of a body that begins': header => readBodyHead(`<body ${header}`),
}

const pieces = [
  ...[' ', ',', ';', '=', ':', '.', '"', '[', '1', 'a', '%', '\t', '<body', '<body ', ' a', ' a=', " a='", " a=''"],
  ...['wb-1=', ' wb-1=', ';wb-1=', '; wb-1=x', '127.0.0.1,', ' 127.0.0.1 ,', '1:', 'q=', ';q=', ';q =', 'a/b,', '*/*,'],
  ...[';charset', '; charset ', '; charset=', 'sid=', ' sid', ' sid = ', ' sid\t', ':1', 'a.', 'xn--', 'http://a'],
]

/** Long, so that quadratic cost takes many seconds: a busy machine and a collection of garbage take less. */
const length = 200_000

test.each(Object.entries(readers))('%s costs no more than its length', (_name, read) => {
  for (const piece of pieces) {
    const fill = piece.repeat(Math.ceil(length / piece.length))
    for (const header of [fill, `${fill}x`, `x${fill}`]) {
      const started = process.cpuUsage()
      try {
        read(header)
      } catch {
        // The reader may refuse the header.
      }
      const took = process.cpuUsage(started).user / 1000
      if (took > 1_000) throw new Error(`${took} ms for ${JSON.stringify(piece)} over and over`)
    }
  }
  expect(pieces.length).toBeGreaterThan(0)
})
