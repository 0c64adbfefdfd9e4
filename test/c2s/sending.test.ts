import { afterEach, describe, expect, test } from '@jest/globals'
import { opened, stopServers } from './call.js'

afterEach(stopServers)

const turn = () => new Promise(resolve => setImmediate(resolve))

describe('what a link is sent', () => {
  test('in one turn leaves at its end', async () => {
    const { call, peer } = await opened()
    call.link.send('<presence/>')
    call.link.send('<message/>')
    expect(call.link.backlog).toBe('<presence/><message/>'.length)
    await turn()
    expect(call.link.backlog).toBe(0)
    expect(await peer.until('<message/>')).toBe('<presence/><message/>')
  })

  test('leaves before the end of the stream, and before a new one', async () => {
    const { call, peer } = await opened()
    call.link.send('<presence/>')
    call.link.restart({ lang: 'fr' })
    call.link.send('<message/>')
    call.link.close()
    const text = await peer.until('</stream:stream>')
    expect(text).toMatch(/^<presence\/><\?xml [^>]*><stream:stream [^>]*><message\/><\/stream:stream>$/)
  })
})
