import { closeSync, openSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from '@jest/globals'
import { LineWriter } from '../../../src/lib/text/line-writer.js'
import { FakeClock } from '../../support/fake-clock.js'
import { testFolder } from '../../support/test-folder.js'

const clock = new FakeClock()

/** Bytes that the reader reads before it stalls. */
let room = Number.POSITIVE_INFINITY
let fault = 'EAGAIN'
let read = ''

let failures: (string | undefined)[] = []

const writer = () =>
  new LineWriter(1, {
    clock,
    onFailure: code => failures.push(code),
    onLost: (lost, to) => void to.write(`lost ${lost}\n`),
    writeTo(_descriptor, bytes) {
      if (room === 0) throw Object.assign(new Error(fault), { code: fault })
      const taken = Math.min(room, bytes.length)
      room -= taken
      read += bytes.toString('utf8', 0, taken)
      return taken
    },
  })

beforeEach(() => {
  room = Number.POSITIVE_INFINITY
  fault = 'EAGAIN'
  read = ''
  failures = []
})

const line = (number: number) => `${String(number).padStart(1023, '.')}\n`
const lines = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => line(from + index))

test.each(['EAGAIN', 'ENOSPC', 'EPIPE'])('after %s the rest of a line is written before the next line', code => {
  const log = writer()
  room = 5
  fault = code
  log.write('one\n')
  log.write('two\n')
  log.write('three\n')
  expect(read).toBe('one\nt')
  room = Number.POSITIVE_INFINITY
  clock.advance(1_000)
  expect(read).toBe('one\ntwo\nthree\n')
  expect(clock.pending).toBe(0)
})

test('waiting lines are written when the process ends, in one attempt', () => {
  const log = writer()
  room = 0
  log.write('one\n')
  room = 4
  log.flush()
  expect(read).toBe('one\n')
})

const { folder } = testFolder()

test('after a file was renamed, lines go to a new one', () => {
  const open = () => openSync(join(folder, 'log'), 'a')
  const first = open()
  const log = new LineWriter(first, { onLost() {} })
  log.write('one\n')
  renameSync(join(folder, 'log'), join(folder, 'log.1'))
  log.write('two\n')
  log.moveTo(open())
  log.write('three\n')
  expect(readFileSync(join(folder, 'log.1'), 'utf8')).toBe('one\ntwo\n')
  expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('three\n')
  expect(() => closeSync(first)).toThrow('EBADF')
})

test('lines go to the new file, although the previous one cannot be closed', () => {
  const open = (name: string) => openSync(join(folder, name), 'a')
  const [first, second] = [open('closed'), open('next')]
  const log = new LineWriter(first, { onLost() {} })
  // As a full network disk does: `close` fails, and the number of the descriptor is free for the next file or socket.
  closeSync(first)
  log.moveTo(second)
  const socket = open('socket')
  expect(socket).toBe(first)
  log.write('one\n')
  expect([readFileSync(join(folder, 'next'), 'utf8'), readFileSync(join(folder, 'socket'), 'utf8')]).toEqual([
    'one\n',
    '',
  ])
  closeSync(socket)
})

test('important lines have a buffer of their own, and are written while others are lost', () => {
  const log = writer()
  room = 0
  for (const text of lines(0, 1000)) log.write(text)
  const matter = lines(1000, 1300).map(text => log.write(text, true))
  expect(matter.filter(Boolean)).toHaveLength(256)
  room = 300 * 1024
  clock.advance(20)
  expect([log.write(line(1300)), log.write(line(1301), true)]).toEqual([false, true])
  room = Number.POSITIVE_INFINITY
  clock.advance(20)
  expect(read).toBe(`${lines(0, 768).join('')}${lines(1000, 1256).join('')}${line(1301)}lost 277\n`)
})

test('a full disk is reported once until lines can be written again; a slow reader is not', () => {
  const log = writer()
  room = 0
  log.write('one\n')
  expect(failures).toEqual([])
  for (const _again of [1, 2]) {
    fault = 'ENOSPC'
    clock.advance(3_000)
    expect(failures).toHaveLength(_again)
    room = Number.POSITIVE_INFINITY
    clock.advance(1_000)
    room = 0
    log.write('two\n')
  }
})
