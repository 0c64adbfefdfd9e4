import { createServer } from 'node:http'
import { connect } from 'node:net'
import { test } from '@jest/globals'
import type { Request } from 'express'
import { readBody } from '../../../src/http/bodies/read-body.js'
import { collectGarbage } from '../../support/collected.js'
import { eventually } from '../../support/eventually.js'
import { Listener } from '../../support/listener.js'

test('an unfinished body takes no more memory because it comes in chunks of one byte', async () => {
  const requests: Request[] = []
  const listener = await Listener.start(
    createServer(req => {
      requests.push(req as Request)
      readBody(req as Request).catch(() => {})
    }),
  )
  const pieces = 16_000
  const count = 20
  const head = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
  const clients = Array.from({ length: count }, () => connect(listener.port, '127.0.0.1').on('error', () => {}))
  const taken = () => {
    collectGarbage()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  for (const client of clients) client.write(head)
  await eventually('all have come', () => requests.length === count)
  const before = taken()
  for (const client of clients) client.write('1\r\nx\r\n'.repeat(pieces))
  await eventually('all is read', () =>
    requests.every(({ socket, readableLength }) => socket.bytesRead > 6 * pieces && readableLength === 0),
  )
  // A buffer for each byte would take 40 MB.
  await eventually('it takes little', () => taken() - before < 4_000_000)
  for (const client of clients) client.destroy()
  await listener.stop()
})
