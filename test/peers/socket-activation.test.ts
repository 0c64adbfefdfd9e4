// The service at sockets that systemd opened. `systemd-socket-activate` starts it at the first connection.
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { request } from 'node:http'
import { get } from 'node:https'
import { join } from 'node:path'
import { afterEach, expect, test } from '@jest/globals'
import { makeCertificate } from '../support/certificates.js'
import { eventually } from '../support/eventually.js'
import { ask } from '../support/http-answer.js'
import { ensureBuilt, main } from '../support/operated-service.js'
import { freePorts } from '../support/ports.js'
import { redisForWorkers, redisPackages } from '../support/redis-for-workers.js'
import { childrenOf, type ServerProcess, startServerProcess } from '../support/server-process.js'
import { testFolder } from '../support/test-folder.js'
import { run, settings } from './installation.js'
import { describeWith } from './needs.js'

let activated: ServerProcess | undefined
let starts = 0
const { folder, file } = testFolder()
const workersOf = redisForWorkers()

afterEach(() => activated?.end('SIGTERM'))

async function activate(
  addresses: readonly string[],
  names: string,
  more: Readonly<Record<string, string>> = {},
): Promise<ServerProcess> {
  ensureBuilt()
  const variables = Object.entries({ ...settings, ...more }).flatMap(([name, value]) => ['-E', `${name}=${value}`])
  const sockets = addresses.flatMap(address => ['-l', address])
  activated = await startServerProcess({
    ...{ name: `activated${++starts}`, folder },
    command: ['systemd-socket-activate', ...sockets, `--fdname=${names}`, ...variables, process.execPath, main],
    isReady: printed => printed.split('Listening on').length > addresses.length,
  })
  return activated
}

const statusOf = async (url: string) => (await ask(url)).status

describeWith(['systemd', ...redisPackages], 'Sockets of systemd', () => {
  test.each(['0', '2'])(
    'get answers to requests from before the service ran, and replace HOST and PORT (WORKERS=%s)',
    async WORKERS => {
      const [port, other, unused] = (await freePorts(3)) as [number, number, number]
      const { log } = await activate([`127.0.0.1:${port}`, `[::1]:${other}`], 'http:http', {
        ...workersOf(WORKERS),
        HOST: '127.0.0.1',
        PORT: String(unused),
      })
      expect(await statusOf(`http://127.0.0.1:${port}/healthz`)).toBe(200)
      expect(await statusOf(`http://[::1]:${other}/healthz`)).toBe(200)
      await expect(ask(`http://127.0.0.1:${unused}/healthz`)).rejects.toThrow('ECONNREFUSED')
      await eventually('it tells its addresses', () =>
        log().includes(`"urls":["http://127.0.0.1:${port}","http://[::1]:${other}"]`),
      )
      expect(
        log()
          .match(/.*ListenStream=.*/g)!
          .map(line => JSON.parse(line)),
      ).toMatchObject([{ level: 40, ignored: ['HOST', 'PORT'], sockets: [`127.0.0.1:${port}`, `[::1]:${other}`] }])
    },
  )

  test.each(['0', '2'])('can be Unix sockets (WORKERS=%s)', async WORKERS => {
    const socketPath = join(folder, 'http.sock')
    const { log } = await activate([socketPath], 'http', workersOf(WORKERS))
    const [answer] = await once(request({ socketPath, path: '/healthz' }).end(), 'response')
    expect(answer.resume().statusCode).toBe(200)
    await eventually('it tells its address', () => log().includes(`"urls":["unix:${socketPath}"]`))
  })

  test('with the name https are for TLS', async () => {
    const [port, secure] = (await freePorts(2)) as [number, number]
    const { cert, key } = makeCertificate(['IP:127.0.0.1'])
    const TLS_CERT = file('chat.pem', cert + key)
    await activate([`127.0.0.1:${port}`, `127.0.0.1:${secure}`], 'http:https', { TLS_CERT })
    const [answer] = await once(get(`https://127.0.0.1:${secure}/healthz`, { ca: cert, agent: false }), 'response')
    expect(answer.resume().statusCode).toBe(200)
    expect(await statusOf(`http://127.0.0.1:${port}/healthz`)).toBe(200)
  })

  test('end the service if its last worker dies, so that systemd starts it with the sockets again', async () => {
    const [port] = (await freePorts(1)) as [number]
    const { pid, gone, log } = await activate([`127.0.0.1:${port}`], 'http', workersOf('1'))
    expect(await statusOf(`http://127.0.0.1:${port}/healthz`)).toBe(200)
    const [worker] = childrenOf(pid) as [number]
    process.kill(worker, 'SIGKILL')
    expect(await gone).toBe(1)
    expect(log()).toContain('no worker is left')
    expect(existsSync(`/proc/${worker}`)).toBe(false)
  })

  test('must be listening sockets', async () => {
    const script = 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" "$1" 3</dev/null'
    const { status, stderr } = run('sh', ['-c', script, process.execPath, main], { cwd: folder, more: settings })
    expect(status).toBe(1)
    expect(stderr).toContain('use ListenStream= in the socket unit')
  })
})
