// Functions that read input from outside.
import type { IncomingMessage } from 'node:http'
import { AttachCookie } from '../../src/browsers/bosh/attach-cookie.js'
import { loadConfig } from '../../src/config/load.js'
import { clientAddress } from '../../src/http/access/client-rules.js'
import { negotiate } from '../../src/http/answers/negotiation.js'
import { bodyFormat } from '../../src/http/bodies/read-body.js'
import { readParameters } from '../../src/warm/read-parameters.js'
import { toWarmRequest } from '../../src/warm/warming/warm-request.js'

const { config } = loadConfig({ ADMIN_USERS: 'a:b', XMPP_DOMAINS: 'example.com' })

/** What a call of the warm API goes through, once its admin is known. */
export function hostileParameters(contentType: string, body: Buffer): void {
  toWarmRequest(readParameters(contentType, body), config)
}

const cookie = AttachCookie.forPage('0', 'reply', 60, { path: '/', secure: false }, 0)

const requestWith = (headers: IncomingMessage['headers']) =>
  ({ headers, socket: { remoteAddress: '127.0.0.1' } }) as IncomingMessage

/** What headers go through before anything is known of who sends them. */
export const hostileHeaders: Readonly<Record<string, (value: string) => void>> = {
  accept: value => void negotiate({ accept: value }),
  'content-type': value => {
    bodyFormat(value)
    readParameters(`application/json;${value}`, Buffer.from('{}'))
  },
  cookie: value => void cookie.admits(value),
  'x-forwarded-for': value => void clientAddress(requestWith({ 'x-forwarded-for': value }), config),
}
