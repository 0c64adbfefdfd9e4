// The processes of deploy/kubernetes.yaml without a cluster: with its settings and files, as a user without a name.
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chownSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from '@jest/globals'
import { parseAllDocuments } from 'yaml'
import { eventually } from '../support/eventually.js'
import { ask } from '../support/http-answer.js'
import { freePorts } from '../support/ports.js'
import { testFolder } from '../support/test-folder.js'
import { root, run } from './installation.js'
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
  const running: ChildProcess[] = []
  let said = ''

  afterEach(async () => {
    for (const child of running) child.kill('SIGKILL')
    await eventually('all have ended', () =>
      running.every(child => child.exitCode !== null || child.signalCode !== null),
    )
  })

  /** Starts a command as a user who can write to no folder but `TMPDIR`. */
  function start([program, ...args]: readonly [string, ...string[]], env: Readonly<Record<string, string>>) {
    const child = spawn(program, args, {
      cwd: '/',
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(asUser && { uid: user, gid: user }),
    })
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', chunk => {
        said += chunk
      })
    running.push(child)
    return child
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
    start(redis.command.map(here), {})
    const [check, ...asked] = redis.readinessProbe.exec.command.map(here)
    await eventually('Redis is ready', () => run(check, asked, { cwd: folder }).status === 0)

    const processes = [0, 1, 2].map(index => {
      const [http, metrics, peer] = ports.slice(3 * index)
      mkdirSync(join(folder, `tmp${index}`))
      const given = Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, here(value)]))
      const child = start([process.execPath, main], {
        ...given,
        ...{ HOST: '127.0.0.1', PORT: `${http}`, METRICS_ADDRESS: `127.0.0.1:${metrics}` },
        ...{ PEER_LISTEN: `0.0.0.0:${peer}`, [container.env[0].name]: '127.0.0.1', TMPDIR: owned(`tmp${index}`) },
      })
      return { child, http, metrics }
    })
    for (const { http, metrics, child } of processes) {
      const { path } = container.readinessProbe.httpGet
      await eventually('it is ready', async () => {
        if (child.exitCode !== null) throw new Error(`it has ended: ${said}`)
        return (await ask(`http://127.0.0.1:${http}${path}`, { agent: false }).catch(() => undefined))?.status === 200
      })
      await eventually('it knows the others', async () => {
        const { text } = await ask(`http://127.0.0.1:${metrics}/metrics`, { agent: false })
        return text.includes('warm_bindings_processes{state="live"} 2')
      })
    }
    for (const { child } of processes) child.kill('SIGTERM')
    await eventually('all end', () => processes.every(({ child }) => child.exitCode !== null))
    expect(processes.map(({ child }) => child.exitCode)).toEqual([0, 0, 0])
  })
})
