// The operator changes the seal key of two processes, as docs/production.md says. No session is lost meanwhile.
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { BoshClient } from '../support/bosh-client.js'
import { eventually } from '../support/eventually.js'
import { type ManagedServer, startManagedServer } from '../support/login-server/managed-server.js'
import { type OperatedService, Operator, settingsAt } from '../support/operated-service.js'
import { type RedisServer, startRedisServer } from '../support/redis-server.js'
import { callSessions } from '../support/sessions-api.js'
import { describeWith } from './needs.js'

describeWith(['redis-server'], 'Two processes whose seal key changes', () => {
  const operator = new Operator()
  const [before, next] = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')]
  const names = ['one', 'two'] as const
  let xmpp: ManagedServer
  let redis: RedisServer
  const running = {} as Record<(typeof names)[number], OperatedService>

  beforeAll(async () => {
    xmpp = await startManagedServer({ domain: 'plain.example' })
    redis = await startRedisServer()
    for (const name of names) await start(name, [before])
  })

  afterAll(async () => {
    operator.leave()
    await redis?.remove()
    await xmpp?.server.stop()
  })

  const write = (name: string, keys: readonly string[]) => operator.write(`${name}.keys`, keys.join('\n'))

  async function start(name: (typeof names)[number], keys: readonly string[]): Promise<void> {
    write(name, keys)
    running[name] = operator.start({
      ...settingsAt(xmpp.server),
      ...{ REDIS_URL: `unix:${redis.path}`, SEAL_KEY_FILE: operator.pathOf(`${name}.keys`) },
      PEER_LISTEN: '127.0.0.1:0',
    })
    await running[name].url()
  }

  async function reload(name: (typeof names)[number], keys: readonly string[]): Promise<void> {
    write(name, keys)
    const isRead = ({ msg }: { readonly msg: string }) => msg === 'the settings were read again'
    const count = running[name].lines.filter(isRead).length
    running[name].signal('SIGHUP')
    await eventually('the key is read', () => running[name].lines.filter(isRead).length > count)
  }

  let id: string | undefined

  /** The tab's session is found by its names and by its sid, and each process reaches the other. */
  async function allFind(...at: readonly (typeof names)[number][]): Promise<void> {
    const user = { jid: 'alice@plain.example', password: 'Pa55-of-alice' }
    for (const name of at) {
      const body = { ...user, visit: 'visit', tab: 'tab', hold: 0, wait: 0 }
      const url = await running[name].url()
      const { status, json } = await callSessions(url, 'POST', '', { body })
      expect([name, status, json.resumed ?? json.detail]).toEqual([name, 200, id !== undefined])
      id ??= json.id
      expect(json.id).toBe(id)
      for (const each of at) {
        const page = new BoshClient(`${await running[each].url()}/http-bind`, { sid: json.sid, rid: json.rid })
        json.rid += 1
        expect(await page.request()).not.toContain('terminate')
        page.close()
      }
    }
  }

  test('continue each other’s sessions', async () => {
    await allFind('one', 'two')
    for (const keys of [
      [before, next],
      [next, before],
    ])
      for (const name of names) {
        await reload(name, keys)
        await allFind('one', 'two')
      }
    running.two.signal('SIGKILL')
    await running.two.exit
    await start('two', [next, before])
    await allFind('one', 'two')
    for (const name of names) {
      await reload(name, [next])
      await allFind('one', 'two')
    }
    running.one.signal('SIGKILL')
    await running.one.exit
    await allFind('two')
  })
})
