import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import { afterEach, expect, jest, test } from '@jest/globals'
import { eventually } from '../support/eventually.js'
import { ask } from '../support/http-answer.js'
import { freshPath, type Stage, setStage, socketAt } from './stage.js'

let stage: Stage
let child: ChildProcess | undefined

afterEach(async () => {
  await stage.close()
  child?.kill('SIGKILL')
  child = undefined
})

/** A process that holds all requests, and says when it has a number of them. */
async function holdIn(path: string, count: number): Promise<() => Promise<unknown>> {
  const code = `let n = 0; require('node:http2').createServer({ settings: { maxConcurrentStreams: 1000 } })
    .on('stream', s => { s.on('error', () => {}); if (++n === ${count}) console.log('held') })
    .listen(${JSON.stringify(path)}, () => console.log('up'))`
  child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout!, 'data')
  return () => once(child!.stdout!, 'data')
}

const send = async () => (await ask(`http://localhost:${stage.port}`, { method: 'POST', agent: false }, 'body')).status

test('requests at a process that is killed are broken at once', async () => {
  const path = freshPath()
  const held = await holdIn(path, 100)
  stage = await setStage({ address: socketAt(path) })
  const answers = Promise.all(Array.from({ length: 100 }, send))
  await held()
  child!.kill('SIGKILL')
  await answers
  expect(stage.lost).toEqual(Array.from({ length: 100 }, () => 'broken'))
  await send()
  expect(stage.lost.at(-1)).toEqual('gone')
})

test('requests at a process that hangs are given up after 10 to 12 seconds', async () => {
  const path = freshPath()
  const held = await holdIn(path, 2)
  stage = await setStage({ address: socketAt(path) })
  const answers = Promise.all([send(), send()])
  await held()
  child!.kill('SIGSTOP')
  for (let seconds = 2; seconds <= 10; seconds += 2) stage.clock.advance(2_000)
  await new Promise(setImmediate)
  expect(stage.lost).toEqual([])
  stage.clock.advance(2_000)
  await answers
  expect(stage.lost).toEqual(['silent', 'silent'])
  await eventually('no link', () => stage.links.size === 0)
})

test('requests wait as long as the process answers pings', async () => {
  let res: ServerResponse | undefined
  stage = await setStage({
    listener: (_req: IncomingMessage, held: ServerResponse) => {
      res = held
    },
  })
  const answer = send()
  await eventually('a request', () => res !== undefined)
  const link = stage.links.to(stage.address)
  for (let seconds = 0; seconds < 60; seconds += 2) {
    stage.clock.advance(2_000)
    await eventually('a pong', () => link.isAnswering)
  }
  res!.end()
  expect(await answer).toBe(200)
})

test('a link without requests closes after a minute, and the next request opens another', async () => {
  stage = await setStage({ listener: (_req, res) => void res.end() })
  expect(await send()).toBe(200)
  const link = stage.links.to(stage.address)
  await eventually('no stream', () => link.streams === 0)
  for (let seconds = 0; seconds < 62; seconds += 2) {
    stage.clock.advance(2_000)
    await eventually('a pong', () => link.isAnswering || !link.isUsable)
  }
  expect(link.isUsable).toBe(false)
  expect(await send()).toBe(200)
  expect(stage.links.to(stage.address)).not.toBe(link)
})

test('a process that ends finishes its requests and takes no more', async () => {
  const held: ServerResponse[] = []
  stage = await setStage({ listener: (_req, res) => void held.push(res) })
  const answer = send()
  await eventually('a request', () => held.length === 1)
  const closed = stage.owner!.close(60_000)
  const link = stage.links.to(stage.address)
  await eventually('the news', () => !link.isUsable)
  await send()
  expect(stage.lost).toEqual(['gone'])
  held[0]!.end()
  expect(await answer).toBe(200)
  await closed
})

test('requests of a link that takes no more are counted, and cut, like those of its successor', async () => {
  const held: ServerResponse[] = []
  stage = await setStage({ listener: (_req, res) => void held.push(res) })
  for (const count of [1, 2]) {
    send().catch(() => {})
    await eventually('a request', () => held.length === count)
    stage.links.to(stage.address).retire()
  }
  expect(stage.links.streams).toBe(2)
  stage.links.close()
  await eventually('no request', () => stage.links.streams === 0 && held.every(({ destroyed }) => destroyed))
  await eventually('no link', () => stage.links.size === 0)
})

test('only processes of the same user can connect', async () => {
  stage = await setStage({})
  expect(statSync(stage.address.host.slice('unix:'.length)).mode & 0o777).toBe(0o600)
})

test.each([
  ['in a folder of another user', () => freshPath(), 1_234_567],
  ['in a folder for all users', () => `/tmp/forwarding-${process.pid}.sock`, process.getuid!()],
  ['without a file', () => `\0forwarding-${process.pid}`, process.getuid!()],
])('a socket %s is not used', async (_where, pathOf, uid) => {
  const path = pathOf()
  const owner = createHttp2Server((_req, res) => void res.end())
  await once(owner.listen(path), 'listening')
  const getuid = jest.spyOn(process, 'getuid').mockReturnValue(uid)
  try {
    stage = await setStage({ address: socketAt(path) })
    await send()
    expect(stage.lost).toEqual(['gone'])
  } finally {
    getuid.mockRestore()
    owner.close()
  }
})
