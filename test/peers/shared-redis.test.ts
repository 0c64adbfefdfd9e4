// The processes of two files in deploy/ and their Redis, without containers: with the commands, settings and secrets of
// these files, as a user without a name.
import { randomBytes } from 'node:crypto'
import { chownSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { parse, parseAllDocuments } from 'yaml'
import { stoppedAfterEach } from '../support/closers.js'
import { eventually } from '../support/eventually.js'
import { ask } from '../support/http-answer.js'
import { freePorts } from '../support/ports.js'
import { root } from '../support/repository.js'
import { answersAt, type ServerProcessOptions, startServerProcess } from '../support/server-process.js'
import { testFolder } from '../support/test-folder.js'
import { run, settings as usual } from './installation.js'
import { describeWith } from './needs.js'

const read = (name: string) => readFileSync(join(root, 'deploy', name), 'utf8')

const override = { tag: '!override', collection: 'seq' } as const
const { services } = parse(read('compose-processes.yaml'), { customTags: [override], merge: true })

const objects = parseAllDocuments(read('kubernetes.yaml')).map(text => text.toJS())
const containerOf = (name: string) =>
  objects.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === name).spec.template.spec.containers[0]
const pod = containerOf('warm-bindings')
const redisPod = containerOf('warm-bindings-redis')

const files = [
  {
    ...{ name: 'compose-processes.yaml', secrets: '/run/secrets', redis: services.redis.command },
    check: ['sh', '-c', services.redis.healthcheck.test[1]],
    settings: { ...usual, ...services['warm-bindings'].environment },
  },
  {
    ...{ name: 'kubernetes.yaml', secrets: '/run/secrets/warm-bindings', redis: redisPod.command },
    check: redisPod.readinessProbe.exec.command,
    settings: objects.find(({ kind }) => kind === 'ConfigMap').data,
  },
]

const user = 64_123
const main = join(root, 'dist', 'main.js')
/** Only root can run as another user, who must be able to read the service. */
const asUser =
  process.getuid?.() === 0 &&
  run('setpriv', [`--reuid=${user}`, '--clear-groups', 'test', '-r', main], { cwd: '/' }).status === 0

for (const { name, secrets, redis, check, settings } of files)
  describeWith(['redis-server'], `The processes of ${name}`, () => {
    const { folder, file } = testFolder(0o755)
    const keep = stoppedAfterEach()

    const owned = (name: string) => {
      if (asUser) chownSync(join(folder, name), user, user)
      return join(folder, name)
    }

    /** Starts a command as a user who can write to no folder but `TMPDIR`. */
    async function start(about: Pick<ServerProcessOptions, 'name' | 'command' | 'environment' | 'isReady'>) {
      const own = ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups', ...about.command] as const
      const starting = startServerProcess({
        ...{ ...about, folder, cwd: '/', environment: { PATH: process.env['PATH'], ...about.environment } },
        command: asUser ? own : about.command,
      })
      await keep(starting.then(each => ({ stop: () => each.end('SIGKILL') })))
      return starting
    }

    test('share a Redis, which needs its password and never evicts, find each other, and end when told', async () => {
      const password = randomBytes(32).toString('hex')
      file('admins', `portal:${randomBytes(24).toString('hex')}:role=warm`, 0o440)
      file('seal-key', randomBytes(32).toString('base64'), 0o440)
      file('redis-password', password, 0o440)
      for (const name of ['admins', 'seal-key', 'redis-password']) owned(name)
      const [store, ...ports] = await freePorts(7)
      const here = (words: string) =>
        words
          .replaceAll('$$', '$')
          .replaceAll(secrets, folder)
          .replace(/\/\/(warm-bindings-)?redis:6379/, `//127.0.0.1:${store}`)
          .replace('redis-server -', `redis-server - --port ${store}`)
          .replace('redis-cli', `redis-cli -p ${store}`)
      const [program, ...words] = check.map(here)
      const isReady = () => run(program, words, { cwd: folder }).status === 0
      await start({ name: 'redis', command: redis.map(here), isReady })
      const cli = (...words: string[]) => run('redis-cli', ['-p', `${store}`, ...words], { cwd: folder }).said
      expect(cli('PING')).toContain('NOAUTH')
      expect(cli('--no-auth-warning', '-a', password, 'CONFIG', 'GET', 'maxmemory-policy')).toContain('noeviction')

      const given = Object.fromEntries(Object.entries<string>(settings).map(([name, value]) => [name, here(value)]))
      const processes = [0, 1].map(async index => {
        const [http, metrics, peer] = ports.slice(3 * index)
        mkdirSync(join(folder, `tmp${index}`))
        const started = await start({
          ...{ name: `process${index}`, command: [process.execPath, main] },
          environment: {
            ...given,
            ...{ HOST: '127.0.0.1', PORT: `${http}`, METRICS_ADDRESS: `127.0.0.1:${metrics}` },
            ...{ PEER_LISTEN: `0.0.0.0:${peer}`, [pod.env[0].name]: '127.0.0.1', TMPDIR: owned(`tmp${index}`) },
          },
          isReady: answersAt(`http://127.0.0.1:${http}${pod.readinessProbe.httpGet.path}`),
        })
        await eventually('it knows the other', async () => {
          const { text } = await ask(`http://127.0.0.1:${metrics}/metrics`)
          return text.includes('warm_bindings_processes{state="live"} 1')
        })
        return started
      })
      const all = await Promise.all(processes)
      expect(await Promise.all(all.map(each => each.end('SIGTERM')))).toEqual([0, 0])
    })
  })
