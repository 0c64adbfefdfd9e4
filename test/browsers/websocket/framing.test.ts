import { expect, test } from '@jest/globals'
import { readMessage, readOpen } from '../../../src/browsers/websocket/framing.js'
import { framingNamespace } from '../../../src/xmpp/namespaces.js'
import type { Element } from '../../../src/xmpp/xml/element.js'
import { collectGarbage } from '../../support/collected.js'

test('what a session keeps of <open/> does not keep the whole message in memory', () => {
  const to = 'capulet-of-verona.example'
  const message = Buffer.from(`<open to='${to}'${' '.repeat(15_000)} xmlns='${framingNamespace}' version='1.0'/>`)
  const kept: unknown[] = []
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  for (let count = 0; count < 200; count++) kept.push(readOpen(readMessage(message) as Element)?.to)
  collectGarbage()
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(1_000_000)
  expect(kept).toEqual(Array(200).fill(to))
})
