// Clients that send many requests and read no replies take little memory, which is free again once they disconnect.
// Runs in npm run test:all only: crowds of connections.
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { eventually, steady } from '../support/eventually.js'
import { ask } from '../support/http-answer.js'
import { type OperatedService, Operator, usualSettings } from '../support/operated-service.js'

/** Connections in a crowd, and the memory that its garbage may take, in MiB. All replies of a document would take a GiB. */
const crowd = 200
const garbage = 128

const operator = new Operator()
const sockets: Socket[] = []

let service: OperatedService
let url: string
let port: number
let pid: number

beforeAll(async () => {
  service = operator.start(usualSettings)
  url = await service.url()
  port = Number(new URL(url).port)
  pid = service.lines[0]!.pid
})

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
})

afterAll(() => operator.leave())

const descriptors = () => readdirSync(`/proc/${pid}/fd`).length

/** In MiB. */
const memory = () => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`

/**
 * Connects a crowd that reads nothing and sends all its requests at once. Resolves when each connection has a reply, or is
 * closed.
 */
async function sendAhead(path: string, counts: readonly number[]): Promise<void> {
  const answered = Array.from({ length: crowd }, (_, index) => {
    const socket = connect(port, '127.0.0.1').pause()
    sockets.push(socket)
    socket.on('error', () => {}).write(get(path).repeat(counts[index % counts.length]!))
    return Promise.race([once(socket, 'readable'), once(socket, 'close')])
  })
  await Promise.all(answered)
}

/** Open descriptors and memory after clients that read their replies. */
async function usual(path: string) {
  for (let count = 0; count < 100; count++) await ask(url + path)
  await steady('the number of descriptors', descriptors)
  return { descriptors: descriptors(), memory: memory() }
}

describe.each(['/openapi.json', '/assets/strophe.js', '/nowhere'])('%s', path => {
  test('requested by clients that read no replies takes little memory, and frees it', async () => {
    const before = await usual(path)
    await sendAhead(path, [8, 127])
    expect(memory() - before.memory).toBeLessThan(garbage)
    for (const socket of sockets.splice(0)) socket.destroy()
    await eventually('its descriptors are free', () => descriptors() <= 1.1 * before.descriptors)
    expect(memory() - before.memory).toBeLessThan(garbage)
    expect((await ask(url + path)).text).not.toBe('')
  })
})
