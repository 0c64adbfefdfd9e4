// Backends that show a certificate to the https listener.
import { writeFileSync } from 'node:fs'
import { Agent } from 'node:https'
import { join } from 'node:path'
import { type ConnectionOptions, connect } from 'node:tls'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { makeCertificate } from '../support/certificates.js'
import { stoppedAfterEach } from '../support/closers.js'
import { eventually } from '../support/eventually.js'
import { ask } from '../support/http-answer.js'
import { jsonHeaders } from '../support/login-server/watched-service.js'
import { adminHeader, startTestService, type TestService } from '../support/start-service.js'
import { testFolder } from '../support/test-folder.js'

const { folder } = testFolder()
const authority = makeCertificate([], { commonName: 'authority' })
const backend = makeCertificate([], { commonName: 'backend', issuer: authority })
const stranger = makeCertificate([], { commonName: 'stranger' })
const stopped = stoppedAfterEach()
let service: TestService

beforeEach(() => {
  // One name has its own certificate, because a choice by name replaces the context of the connection.
  for (const name of ['a.example', 'b.example']) {
    const { cert, key } = makeCertificate([`DNS:${name}`])
    writeFileSync(join(folder, `${name}.pem`), cert + key)
  }
  writeFileSync(join(folder, 'clients.ca'), authority.cert)
})

async function start(TLS_CLIENT_AUTH: string): Promise<void> {
  const TLS_CLIENT_CA = join(folder, 'clients.ca')
  const environment = { HTTPS_PORT: '0', TLS_CERT: folder, TLS_CLIENT_AUTH, TLS_CLIENT_CA }
  service = await stopped(startTestService({ demo: [{ alice: 'wonderland' }], environment }))
}

const parameters = JSON.stringify({ jid: 'alice@localhost', password: 'wonderland' })
const warm =
  `POST /warm HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${adminHeader}\r\nAccept: application/json\r\n` +
  `Content-Type: application/json\r\nContent-Length: ${parameters.length}\r\nConnection: close\r\n\r\n${parameters}`
const front = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'

/** The status and code of an answer, or the error of the connection; and its TLS session. */
function say(request: string, options: ConnectionOptions = {}): Promise<{ told: string; session: Buffer | undefined }> {
  const { port } = new URL(service.service.urls[1]!)
  return new Promise(resolve => {
    let text = ''
    let session: Buffer | undefined
    const end = (error?: NodeJS.ErrnoException) => {
      const [, status = error?.code] = /^HTTP\/1\.1 (\d+)/.exec(text) ?? []
      const [, code = ''] = /"code":"([\w-]+)"/.exec(text) ?? []
      resolve({ told: `${status} ${code}`.trim(), session })
    }
    connect({ host: '127.0.0.1', port: Number(port), servername: 'b.example', rejectUnauthorized: false, ...options })
      .on('session', given => {
        session = given
      })
      .on('data', chunk => {
        text += chunk
      })
      .on('error', end)
      .on('close', () => end())
      .write(request)
  })
}

const told = async (request: string, options?: ConnectionOptions) => (await say(request, options)).told

describe('with `warm`', () => {
  beforeEach(() => start('warm'))

  test.each(['a.example', 'b.example', 'other.example'])(
    'the warm API needs a certificate, at %s',
    async servername => {
      expect(await told(warm, { ...backend, servername })).toBe('200')
      expect(await told(warm, { servername })).toBe('403 client-certificate-required')
      expect(await told(warm, { ...stranger, servername })).toBe('403 client-certificate-required')
      expect(await told(front, { servername })).toBe('200')
    },
  )

  test('a resumed TLS session is as good as its first connection, and no better', async () => {
    const without = await say(front)
    expect(without.session).toBeDefined()
    expect(await told(warm, { session: without.session })).toBe('403 client-certificate-required')
    const given = await say(warm, backend)
    expect(await told(warm, { ...backend, session: given.session })).toBe('200')
  })
})

test.each(['warm', 'all'])(
  'a CA that SIGHUP removes, with `%s`, lets no new connection in, also with a resumed session, and open connections stay',
  async kind => {
    writeFileSync(join(folder, 'clients.ca'), authority.cert + stranger.cert)
    await start(kind)
    const agent = new Agent({ keepAlive: true, servername: 'b.example', rejectUnauthorized: false, ...backend })
    const open = new URL('/warm', service.service.urls[1]).href
    const askOpen = () => ask(open, { method: 'POST', agent, headers: jsonHeaders }, parameters)
    expect((await askOpen()).status).toBe(200)
    const { session } = await say(warm, backend)
    writeFileSync(join(folder, 'clients.ca'), stranger.cert)
    service.service.reload()
    expect(await told(warm, backend)).not.toBe('200')
    expect(await told(warm, { ...backend, session })).not.toBe('200')
    expect(await told(warm, stranger)).toBe('200')
    expect((await askOpen()).status).toBe(200)
    agent.destroy()
  },
)

test('with `all`, each connection needs a certificate', async () => {
  await start('all')
  expect(await told(front, backend)).toBe('200')
  for (const [client, line] of [
    [{}, { level: 30, reason: 'client-certificate', setting: 'TLS_CLIENT_AUTH' }],
    [stranger, { level: 20, reason: 'client-certificate', setting: 'TLS_CLIENT_AUTH' }],
  ] as const) {
    const before = service.lines.length
    expect(await told(front, client)).not.toMatch(/^\d/)
    await eventually('the reason is in the log', () => service.lines.length > before)
    expect(JSON.parse(service.lines.at(-1)!)).toMatchObject({ msg: 'an HTTP request was refused', ...line })
  }
})
