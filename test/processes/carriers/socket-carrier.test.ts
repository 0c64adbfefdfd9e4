import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { createLog } from '../../../src/lib/log.js'
import { socketCarrier } from '../../../src/processes/carriers/socket-carrier.js'
import { announcementChunk, greetingOf, streamChunk } from '../../../src/processes/carriers/socket-wire.js'
import { eventually } from '../../support/eventually.js'
import { carrierContract, Member } from '../carrier-contract.js'

let folder: string
const log = createLog('silent', { write() {} })
const carrier = () => socketCarrier({ folder, log })

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wb-sockets-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

describe('the carrier over Unix sockets', () => {
  carrierContract(carrier)
})

describe('in addition to the contract of all carriers', () => {
  const members: Member[] = []
  const sockets: Socket[] = []

  async function start(name?: string): Promise<Member> {
    const member = await Member.start(carrier(), name)
    members.push(member)
    return member
  }

  /** A process that the test simulates. */
  function stranger(to: Member): Socket & { readonly heard: () => string } {
    const socket = connect(join(folder, `${to.name}.sock`))
    let text = ''
    socket.on('data', bytes => {
      text += bytes.toString('latin1')
    })
    socket.on('error', () => undefined)
    sockets.push(socket)
    return Object.assign(socket, { heard: () => text })
  }

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    await Promise.all(members.splice(0).map(member => member.carrier.close()))
  })

  test('sees all running processes when it has started', async () => {
    const one = await start()
    const other = await start()
    expect(other.knows(one)).toBe(true)
    await eventually('it is known', () => one.knows(other))
  })

  test('leaves no file in the folder', async () => {
    const one = await start()
    expect(readdirSync(folder)).toEqual([`${one.name}.sock`])
    await one.carrier.close()
    expect(readdirSync(folder)).toEqual([])
  })

  test('removes the sockets of processes that were killed, and nothing else', async () => {
    const path = join(folder, 'deadbeef.sock')
    const child = spawn(process.execPath, [
      '-e',
      `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`,
    ])
    await once(child, 'exit')
    expect(existsSync(path)).toBe(true)
    writeFileSync(join(folder, 'notes'), '')
    writeFileSync(join(folder, 'Not-A-Name.sock'), '')
    const one = await start()
    await eventually('it is removed', () => !existsSync(path))
    expect(readdirSync(folder).sort()).toEqual(['Not-A-Name.sock', 'notes', `${one.name}.sock`].sort())
  })

  test('reports within 100 ms that a process was killed', async () => {
    const one = await start()
    const child = spawn(process.execPath, [
      '-e',
      `const socket = require('node:net').connect(${JSON.stringify(join(folder, `${one.name}.sock`))})
       socket.write('warm-bindings/1 deadbeef')`,
    ])
    await eventually('it has joined', () => one.told.includes('join deadbeef'))
    const killed = performance.now()
    child.kill('SIGKILL')
    await eventually('it has left', () => one.told.includes('leave deadbeef'))
    // Usually 100 ms, but longer if the machine is busy.
    expect(performance.now() - killed).toBeLessThan(2_000)
  })

  test.each([
    ['a greeting of another protocol', Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n')],
    ['another version', Buffer.from('warm-bindings/2 deadbeef')],
    ['an invalid name', Buffer.from('warm-bindings/1 ../../..')],
    ['a name with a wildcard', Buffer.from('warm-bindings/1 deadbee*')],
    ['a chunk of an unknown kind', Buffer.concat([greetingOf('deadbeef'), Buffer.from([9, 0, 0, 0, 1, 0])])],
    ['an endless announcement', Buffer.concat([greetingOf('deadbeef'), Buffer.from([2, 255, 255, 255, 255])])],
    ['an empty announcement', Buffer.concat([greetingOf('deadbeef'), Buffer.from([2, 0, 0, 0, 0])])],
  ])('closes a connection with %s', async (_what, bytes) => {
    const one = await start()
    const other = await start()
    const socket = stranger(one)
    socket.write(bytes)
    await once(socket, 'close')
    await eventually('it is not kept', () => !one.told.at(-1)!.startsWith('join dead'))
    one.send(other, 'on we go')
    await eventually('the others go on', () => other.from(one).toString() === 'on we go')
  })

  test('closes a connection from a process with its own name', async () => {
    const one = await start()
    const socket = stranger(one)
    socket.write(greetingOf(one.name))
    await once(socket, 'close')
    expect(one.told).toEqual([])
  })

  test('reads data byte by byte', async () => {
    const one = await start('aaaaaaaa')
    const socket = stranger(one)
    const bytes = Buffer.concat([
      greetingOf('deadbeef'),
      ...streamChunk([Buffer.from('ab'), Buffer.from('c')], 3),
      announcementChunk(Buffer.from('hear')),
      ...streamChunk([Buffer.from('d')], 1),
    ])
    for (const byte of bytes) {
      socket.write(Buffer.from([byte]))
      await new Promise(resolve => setImmediate(resolve))
    }
    await eventually('all is read', () => one.from(new Member('deadbeef')).toString() === 'abcd')
    expect(one.announced).toEqual(['deadbeef hear'])
    await eventually('it is greeted', () => socket.heard() === 'warm-bindings/1 aaaaaaaa')
  })

  test('reports a break if the same process connects a second time', async () => {
    const one = await start()
    const [first, second] = [stranger(one), stranger(one)]
    first.write(greetingOf('deadbeef'))
    await eventually('it has joined', () => one.told.length === 1)
    second.write(greetingOf('deadbeef'))
    await once(first, 'close')
    expect(one.told).toEqual(['join deadbeef', 'break deadbeef', 'join deadbeef'])
  })

  test.each([
    ['keeps its own connection if its name comes first', 'aaaaaaaa', 'zzzzzzzz', false],
    ['keeps the other’s connection if its name comes last', 'zzzzzzzz', 'aaaaaaaa', true],
  ])('in a simultaneous connect of two processes %s', async (_what, name, other, isTheirs) => {
    const theirs: Socket[] = []
    const server = createServer(socket => {
      socket.on('error', () => undefined)
      sockets.push(socket)
      theirs.push(socket)
    }).listen(join(folder, `${other}.sock`))
    await once(server, 'listening')
    // Resolves after the answer to the greeting.
    const starting = start(name)
    await eventually('it has connected', () => theirs.length === 1)
    const socket = connect(join(folder, `${name}.sock`))
    sockets.push(socket)
    socket.on('error', () => undefined)
    socket.resume()
    socket.write(greetingOf(other))
    if (!isTheirs) {
      await once(socket, 'close')
      theirs[0]!.write(greetingOf(other))
    } else {
      theirs[0]!.resume()
      await once(theirs[0]!, 'close')
    }
    const one = await starting
    await eventually('it has joined', () => one.told.length === 1)
    expect(one.told).toEqual([`join ${other}`])
    const carrying = isTheirs ? socket : theirs[0]!
    for (const part of streamChunk([Buffer.from('hello')], 5)) carrying.write(part)
    await eventually('it carries', () => one.from(new Member(other)).toString() === 'hello')
    server.close()
  })

  test('reconnects to a process whose connection was closed', async () => {
    const one = await start('zzzzzzzz')
    const other = await start('aaaaaaaa')
    await eventually('they know each other', () => one.knows(other))
    // A connection with the same name replaces the connection of `other`.
    const socket = stranger(one)
    socket.write(greetingOf('aaaaaaaa'))
    await eventually('it is replaced', () => one.count('join', other) >= 2)
    socket.destroy()
    await eventually('they know each other again', () => one.count('join', other) >= 3 && other.knows(one))
    one.send(other, 'again')
    await eventually('it carries', () => other.from(one).toString() === 'again')
  })

  test('disconnects a process that reads nothing', async () => {
    const one = await start()
    const socket = stranger(one)
    socket.write(greetingOf('deadbeef'))
    await eventually('it has joined', () => one.told.length === 1)
    socket.pause()
    const piece = Buffer.alloc(8 * 1024 * 1024)
    for (let sent = 0; sent < 7; sent++) one.carrier.send('deadbeef', piece)
    expect(one.carrier.backlog('deadbeef')).toBeGreaterThan(7 * 8_000_000)
    for (let sent = 0; sent < 3; sent++) one.carrier.send('deadbeef', piece)
    expect(one.carrier.backlog('deadbeef')).toBe(0)
    await eventually('it has left', () => one.told.includes('leave deadbeef'))
  })

  test('does not start in a folder that is missing or whose path is too long', async () => {
    folder = join(folder, 'missing')
    await expect(start()).rejects.toThrow(/ENOENT|EACCES/)
    folder = join(folder, 'x'.repeat(100))
    await expect(start()).rejects.toThrow('too long a path')
  })
})
