import { afterEach, describe, expect, test } from '@jest/globals'
import { element } from '../../support/element.js'
import { eventually } from '../../support/eventually.js'
import { connect, opened, stopServers, toldAfter } from './call.js'

afterEach(stopServers)

const stall = 300_000
/** More than any system buffers for a socket. */
const most = 64 * 1024 * 1024
const chunk = `<message><body>${'x'.repeat(500_000)}</body></message>`

/** The server has stopped reading. Some data waits in this process. */
async function behind() {
  const { call, peer } = await opened()
  peer.raw.pause()
  let sent = 0
  while (call.link.backlog === 0 || sent < 8 * chunk.length) {
    if (sent > most) throw new Error('everything has been taken')
    call.link.send([element(chunk)])
    sent += chunk.length
    await new Promise(resolve => setImmediate(resolve))
  }
  // Forgets the `drain` of data that the system buffered.
  call.told.splice(0)
  return { call, peer, sent }
}

describe('a server that reads nothing', () => {
  test('gets all data once it reads again', async () => {
    const { call, peer, sent } = await behind()
    expect(call.link.backlog).toBeGreaterThan(0)
    expect(call.told).toEqual([])
    peer.raw.resume()
    await call.hears('drain')
    expect(call.link.backlog).toBe(0)
    call.link.send([element('<presence/>')])
    expect((await peer.until('<presence/>')).length).toBe(sent + '<presence/>'.length)
    expect(call.told).toEqual(['drain'])
    // The time limit has ended.
    call.clock.advance(stall)
    expect(call.told).toEqual(['drain'])
  })

  test('is disconnected after five minutes', async () => {
    const { call, peer } = await behind()
    expect(toldAfter(call, stall)).toEqual(['end features timeout', 'closed'])
    expect(call.clock.pending).toBe(0)
    peer.raw.resume()
    await peer.gone
  })

  test('is not disconnected if it reads something from time to time', async () => {
    const { call, peer } = await behind()
    for (let round = 0; round < 3; round++) {
      call.clock.advance(stall - 1)
      const before = call.link.backlog
      peer.raw.resume()
      await eventually('some of it is taken', () => call.link.backlog < before)
      peer.raw.pause()
      while (call.link.backlog < before) {
        call.link.send([element(chunk)])
        await new Promise(resolve => setImmediate(resolve))
      }
    }
    expect(call.told.filter(line => line !== 'drain')).toEqual([])
  })
})

describe('an exception in the code that uses a link', () => {
  test.each(['<message', 'flush'])('at %s ends this link only', async line => {
    const { call, peer } = await opened()
    call.onTold = told => {
      if (told.startsWith(line)) throw new TypeError('a mistake')
    }
    peer.send('<message/>')
    await call.hears('end')
    expect(call.told.at(-1)).toBe('end features internal-error')
    expect(call.ends[0]?.failure.cause).toBeInstanceOf(TypeError)
    expect(call.clock.pending).toBe(0)
    await peer.gone
  })

  test('when pipelined data can be sent ends this link only', async () => {
    const { call, peer } = await connect({}, { ahead: 'proven' }, {}, line => {
      if (line === 'ahead') throw new TypeError('a mistake')
    })
    await call.hears('end')
    expect(call.told.slice(1)).toEqual(['closed', 'end features internal-error'])
    expect(call.clock.pending).toBe(0)
    await peer.gone
  })
})
