// Requests with more header lines than any client sends. The headers after them still count.
import { afterEach, describe, expect, test } from '@jest/globals'
import { adminHeader } from '../support/start-service.js'
import { Stage } from '../support/websocket-stage.js'

let stage: Stage
afterEach(() => stage.strike())

const lines = 'a:\r\n'.repeat(1_990)

describe.each(['on', 'off'])('with HTTP_FAST=%s', fast => {
  const set = async (environment: Record<string, string> = {}) => {
    stage = await Stage.set({ environment: { HTTP_FAST: fast, ...environment } })
  }

  test('X-Forwarded-For after 1,990 other headers is checked', async () => {
    await set({ WARM_ALLOW: 'loopback' })
    const statuses: number[] = []
    for (const address of ['127.0.0.1', '8.8.8.8']) {
      const http = await stage.connect()
      http.write(
        `GET /warm HTTP/1.1\r\nHost: a\r\nAuthorization: ${adminHeader}\r\n${lines}X-Forwarded-For: ${address}\r\n\r\n`,
      )
      statuses.push((await http.head()).status)
    }
    expect(statuses).toEqual([200, 403])
  })

  test('Content-Length after 1,990 other headers delimits the body of an upgrade request', async () => {
    await set()
    const http = await stage.connect()
    const body = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n'
    const wish = 'Connection: Upgrade\r\nUpgrade: h2c\r\n'
    http.write(`POST /http-bind HTTP/1.1\r\nHost: a\r\n${wish}${lines}Content-Length: ${body.length}\r\n\r\n${body}`)
    const { status, headers } = await http.head()
    expect(status).toBe(200)
    expect(await http.body(Number(headers['content-length']))).toContain("condition='bad-request'")
    // From Node.js 26, such a reply is the last on its connection.
    if (Number.parseInt(process.versions.node, 10) >= 26) return await http.ended()
    http.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n')
    const next = await http.head()
    expect([next.status, next.headers['content-length']]).toEqual([200, '2'])
  })
})
