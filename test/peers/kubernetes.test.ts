// The processes of deploy/kubernetes.yaml without a cluster: with its settings and files, as a user without a name.
import { randomBytes } from 'node:crypto'
import { chownSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { parseAllDocuments } from 'yaml'
import { stoppedAfterEach } from '../support/closers.js'
import { eventually } from '../support/eventually.js'
import { ask } from '../support/http-answer.js'
import { freePorts } from '../support/ports.js'
import { root } from '../support/repository.js'
import {
  answersAt,
  type ServerProcess,
  type ServerProcessOptions,
  startServerProcess,
} from '../support/server-process.js'
import { testFolder } from '../support/test-folder.js'
import { run } from './installation.js'
import { describeWith } from './needs.js'

const objects = parseAllDocuments(readFileSync(join(root, 'deploy', 'kubernetes.yaml'), 'utf8')).map(text =>
  text.toJS(),
)
const podOf = (name: string) =>
  objects.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === name).spec.template.spec
const settings: Record<string, string> = objects.find(({ kind }) => kind === 'ConfigMap').data
const [container] = podOf('warm-bindings').containers
const [redis] = podOf('warm-bindings-redis').containers
const user = 64_123
const main = join(root, 'dist', 'main.js')
/** Only root can run as another user, who must be able to read the service. */
const asUser =
  process.getuid?.() === 0 &&
  run('setpriv', [`--reuid=${user}`, '--clear-groups', 'test', '-r', main], { cwd: '/' }).status === 0

describeWith(['redis-server'], 'The processes of the file for Kubernetes', () => {
  const { folder, file } = testFolder(0o755)
  const keep = stoppedAfterEach()

  type About = Pick<ServerProcessOptions, 'name' | 'command' | 'environment' | 'isReady'>

  /** Starts a command as a user who can write to no folder but `TMPDIR`. */
  async function start({ command, environment, ...about }: About): Promise<ServerProcess> {
    const starting = startServerProcess({
      ...{ ...about, folder, cwd: '/', environment: { PATH: process.env['PATH'], ...environment } },
      command: asUser ? ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups', ...command] : command,
    })
    await keep(starting.then(each => ({ stop: () => each.end('SIGKILL') })))
    return starting
  }

  test('find each other through Redis, and end when told', async () => {
    const owned = (name: string) => {
      if (asUser) chownSync(join(folder, name), user, user)
      return join(folder, name)
    }
    const secrets = {
      admins: `portal:${randomBytes(24).toString('hex')}:role=warm`,
      'seal-key': randomBytes(32).toString('base64'),
      'redis-password': randomBytes(32).toString('hex'),
    }
    for (const [name, text] of Object.entries(secrets)) {
      file(name, text, 0o440)
      owned(name)
    }
    const [store, ...ports] = await freePorts(10)
    const here = (words: string) =>
      words
        .replaceAll('/run/secrets/warm-bindings', folder)
        .replace('warm-bindings-redis:6379', `127.0.0.1:${store}`)
        .replace('redis-server -', `redis-server - --port ${store}`)
        .replace('redis-cli', `redis-cli -p ${store}`)
    const [check, ...asked] = redis.readinessProbe.exec.command.map(here)
    const isReady = () => run(check, asked, { cwd: folder }).status === 0
    await start({ name: 'redis', command: redis.command.map(here), isReady })

    const given = Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, here(value)]))
    const starting = [0, 1, 2].map(async index => {
      const [http, metrics, peer] = ports.slice(3 * index)
      mkdirSync(join(folder, `tmp${index}`))
      const started = await start({
        ...{ name: `process${index}`, command: [process.execPath, main] },
        environment: {
          ...given,
          ...{ HOST: '127.0.0.1', PORT: `${http}`, METRICS_ADDRESS: `127.0.0.1:${metrics}` },
          ...{ PEER_LISTEN: `0.0.0.0:${peer}`, [container.env[0].name]: '127.0.0.1', TMPDIR: owned(`tmp${index}`) },
        },
        isReady: answersAt(`http://127.0.0.1:${http}${container.readinessProbe.httpGet.path}`),
      })
      return { started, metrics }
    })
    const processes = await Promise.all(starting)
    for (const { metrics } of processes)
      await eventually('it knows the others', async () => {
        const { text } = await ask(`http://127.0.0.1:${metrics}/metrics`)
        return text.includes('warm_bindings_processes{state="live"} 2')
      })
    expect(await Promise.all(processes.map(({ started }) => started.end('SIGTERM')))).toEqual([0, 0, 0])
  })
})
