// These tests fail if a new version of @xmpp/client changes what a login uses.
import { readFileSync } from 'node:fs'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { xml } from '@xmpp/client'
import { Client } from '@xmpp/client-core'
import type { XmlElement } from '@xmpp/xml'
import type { Mechanism } from '../../../src/servers/login/sasl/mechanism.js'
import { XmppJsClient } from '../../../src/servers/login/xmpp-js-client.js'

const sasl = 'urn:ietf:params:xml:ns:xmpp-sasl'

let asked: string[]
let client: XmppJsClient

const mechanism: Mechanism = {
  name: 'X-TEST',
  response: () => 'a response',
  challenge: message => void asked.push(`challenged ${message}`),
  success: () => void asked.push('success'),
}

beforeEach(() => {
  asked = []
  client = new XmppJsClient({
    send: element => asked.push(`send ${element}`),
    restart: () => asked.push('restart'),
    fail: error => asked.push(`fail ${error}`),
  })
})

const settled = () => new Promise(resolve => setImmediate(resolve))

async function saidAfter(act: () => void): Promise<string[]> {
  asked = []
  act()
  await settled()
  return asked
}

const receive = (element: XmlElement) => saidAfter(() => client.receive(element))

describe('the client of xmpp.js', () => {
  test('logs in with the given mechanism, and requests a new stream', async () => {
    const message = btoa('a response')
    expect(await saidAfter(() => client.authenticate(mechanism, sasl))).toEqual([
      `send <auth xmlns="${sasl}" mechanism="X-TEST">${message}</auth>`,
    ])
    expect(await receive(xml('challenge', { xmlns: sasl }, btoa('who?')))).toEqual([
      'challenged who?',
      `send <response xmlns="${sasl}" mechanism="X-TEST">${message}</response>`,
    ])
    expect(await receive(xml('success', { xmlns: sasl }))).toEqual(['restart'])
  })

  test('reports failures of its mechanism', async () => {
    const challenge = () => {
      throw new Error('not so')
    }
    await saidAfter(() => client.authenticate({ ...mechanism, challenge }, sasl))
    expect(await receive(xml('challenge', { xmlns: sasl }, btoa('who?')))).toEqual(['fail Error: not so'])
  })

  test('does nothing by itself', async () => {
    expect(await receive(xml('iq', { type: 'get', id: '1' }, xml('ping', { xmlns: 'urn:xmpp:ping' })))).toEqual([])
  })
})

test('overridden members exist in xmpp.js', () => {
  for (const name of ['send', 'restart', 'emit'] as const) expect(typeof Client.prototype[name]).toBe('function')
})

test('the versions of the @xmpp packages are pinned, and installed', () => {
  const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    dependencies: Record<string, string>
  }
  const parts = Object.entries(dependencies).filter(([name]) => name.startsWith('@xmpp/') || name === 'saslmechanisms')
  expect(parts.length).toBeGreaterThan(5)
  for (const [name, version] of parts) {
    const installed = JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8')) as {
      version: string
    }
    expect([name, version]).toEqual([name, installed.version])
  }
})
