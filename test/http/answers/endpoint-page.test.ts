import type { IncomingMessage } from 'node:http'
import { expect, test } from '@jest/globals'
import { createEndpointPage } from '../../../src/http/answers/endpoint-page.js'
import { config } from '../../warm/fake-login.js'

const socket = { remoteAddress: '127.0.0.1', localAddress: '127.0.0.1', localPort: 5280 }
const request = { headers: {}, socket } as IncomingMessage
const hidden = { ...config, externalUrl: undefined }
const everywhere = { ...config.listen, places: [{ host: '0.0.0.0', port: 5280 }] }

test.each([
  ['http from this machine', hidden, false, 'ws:'],
  ['https', hidden, true, 'wss:'],
  ['http that should be https', { ...hidden, listen: everywhere }, false, 'wss:'],
  ['a proxy with https', { ...config, externalUrl: 'https://web.example' }, false, 'wss:'],
])('the page of the WebSocket endpoint names the scheme for %s', (_what, settings, isSecure, scheme) => {
  const { text } = createEndpointPage(settings, 'websocket')(request, isSecure)
  expect(/with <code>(wss?:)<\/code> in front/.exec(text)?.[1]).toBe(scheme)
})
