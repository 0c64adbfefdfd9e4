// Pages in Chromium over restarts of the service: each keeps its JID, and shows each message once.
import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { type OperatedService, Operator, usualSettings } from '../support/operated-service.js'
import { freePorts } from '../support/ports.js'
import { redisPackages } from '../support/redis-for-workers.js'
import { type RedisServer, startRedisServer } from '../support/redis-server.js'
import { callSessions } from '../support/sessions-api.js'
import { bindingIn } from '../support/start-service.js'
import { createModulePageRouter, type ModuleWindow, type PageOptions } from './module-page.js'
import { describeWith } from './needs.js'
import type { PageVisitor } from './noted-page.js'
import { PagesStage } from './pages-stage.js'
import { createPageRouter, PortalPage, servePortal } from './portal-page.js'
import { bothServers } from './servers.js'
import { alice, passwords } from './user.js'

/** Strophe and Converse repeat a request at once, and then after 8 s. The module's pauses grow. In milliseconds. */
const untilItRepeats = 40_000

/** Long pauses take a fifth of their time. Not for Strophe over BOSH, which gives up after five failures. */
const shortPauses = `const { setTimeout: later } = window
window.setTimeout = (act, ms, ...about) => later(act, ms >= 1000 ? ms / 5 : ms, ...about)`

/** `Date.now` runs 60 times as fast: clients wait longer if they reconnect often within a minute. */
const fast = `const begin = Date.now()
const { now } = Date
Date.now = () => begin + 60 * (now() - begin)`

/** Notes what pages send and get over WebSocket. */
const noteFrames = `window.frames = { sent: [], got: [] }
const { send } = WebSocket.prototype
const noted = new WeakSet()
WebSocket.prototype.send = function (text) {
  if (!noted.has(this)) this.addEventListener('message', ({ data }) => frames.got.push(data))
  noted.add(this)
  frames.sent.push(text)
  send.call(this, text)
}`

declare const window: ModuleWindow & { frames: { sent: string[]; got: string[] } }

type Environment = Readonly<Record<string, string>>

/** A service that an operator stops and starts again, with the same settings and at the same port. */
async function restartedService(environment: Environment) {
  const operator = new Operator()
  const [port] = await freePorts(1)
  const url = `http://127.0.0.1:${port}`
  operator.write('keys', `${randomBytes(32).toString('base64')}\n`)
  const files = { STATE_DIR: operator.pathOf('state'), SEAL_KEY_FILE: operator.pathOf('keys') }
  const usual = { ...usualSettings, HOST: '127.0.0.1', PORT: String(port), XMPP_DOMAINS: 'localhost', ...files }
  let running!: OperatedService
  const service = {
    url,
    get process() {
      return running
    },
    /** Resolves once it listens. Settings in `more` win over the usual ones. */
    async start(more: Environment = {}) {
      running = operator.start({ ...usual, ...environment, ...more })
      await running.url()
    },
    async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM') {
      running.signal(signal)
      await running.exit
    },
    async restart(more?: Environment) {
      await service.stop()
      await service.start(more)
    },
    bind: async (body: object) => bindingIn(await callSessions(url, 'POST', '', { body })),
    leave: () => operator.leave(),
  }
  return service
}

/** The numbers of texts such as `number 5`, in their order. */
const numbersOf = (texts: readonly string[]) =>
  texts.flatMap(text => /^number (\d+)$/.exec(text)?.slice(1).map(Number) ?? [])

for (const kind of bothServers(passwords)) {
  describeWith([...kind.packages, ...redisPackages, 'chromium'], `A page at ${kind.name}`, () => {
    let redis: RedisServer
    let portal: Awaited<ReturnType<typeof servePortal>>
    const stage = PagesStage.before(
      { browser: 'chromium', start: kind.start, origin: () => portal.url },
      ({ servers = '' }) => restartedService({ XMPP_SERVERS: servers }),
    )

    beforeAll(async () => {
      redis = await startRedisServer()
      const modulePage = createModulePageRouter(
        () => stage.options,
        tab => stage.bind(tab),
      )
      portal = await servePortal([createPageRouter(), modulePage])
    })

    beforeEach(() => stage.service.start())

    afterEach(async () => {
      await stage.service.stop()
      // Empties the offline store, which has what a page has not confirmed.
      const next = await stage.logIn('alice')
      await next.isUpToDate()
      await next.leave()
    })

    afterAll(async () => {
      await portal?.stop()
      stage.service?.leave()
      await redis?.remove()
    })

    /** `wait` is in seconds. */
    const openStrophe = async (wait = 60) => {
      const page = await PortalPage.open(await stage.context.newPage(), portal.url, stage.service.url)
      await page.begin(await stage.service.bind({ ...alice, wait }))
      return page
    }

    const openConverse = async () => {
      await stage.context.addInitScript(shortPauses)
      await stage.context.addInitScript(fast)
      return stage.comeWithConverse('websocket', { nickname: 'Alice' })
    }

    const openModule = async (over: PageOptions['transport']) => {
      await stage.context.addInitScript(shortPauses)
      if (over === 'websocket') await stage.context.addInitScript(fast)
      return stage.come(over)
    }

    /** Both sides send numbers. Each arrives once and in order, and no presence changes. */
    const talkWith = async (
      visitor: PageVisitor,
      act: (jid: string, sayBoth: () => Promise<number>) => Promise<void>,
    ) => {
      const { bob } = stage
      const jid = await visitor.jid()
      await visitor.say(bob.bareJid, 'hello')
      await bob.receives('>hello<')
      let number = 0
      await act(jid, async () => {
        number += 1
        bob.say(jid, `number ${number}`)
        await visitor.say(bob.bareJid, `number ${number}`)
        return number
      })
      await visitor.receives(`number ${number}`, untilItRepeats)
      await bob.receives(`>number ${number}<`, untilItRepeats)
      await bob.isUpToDate()
      const all = Array.from({ length: number }, (_, index) => index + 1)
      const numbers = numbersOf(await visitor.texts())
      // Strophe shows two replies in the order in which its browser happens to read their connections.
      expect(visitor instanceof PortalPage ? numbers.toSorted((one, other) => one - other) : numbers).toEqual(all)
      expect(bob.numbers).toEqual(all)
      expect(await visitor.jid()).toBe(jid)
      const presences = bob.received.match(/<presence\b[^>]*>/g)!.filter(tag => tag.includes(`'${jid}'`))
      // Converse sends its presence again after each resumption.
      expect(new Set(presences).size).toBe(1)
      expect(presences[0]).not.toContain('type=')
    }

    /** Both sides send before and after each restart, and during it if the client can (`meanwhile`). */
    const restartUnder = (visitor: PageVisitor, restarts: number, meanwhile = true) => {
      const { bob, service } = stage
      const act = async (jid: string, sayBoth: () => Promise<number>) => {
        for (let round = 0; round < restarts; round++) {
          await sayBoth()
          const stopped = service.stop()
          if (meanwhile) await sayBoth()
          await stopped
          if (meanwhile) await sayBoth()
          else bob.say(jid, `meanwhile ${round}`)
          await service.start()
          if (!meanwhile) await visitor.receives(`meanwhile ${round}`, untilItRepeats)
          const number = await sayBoth()
          await visitor.receives(`number ${number}`, untilItRepeats)
          await bob.receives(`>number ${number}<`, untilItRepeats)
        }
      }
      return talkWith(visitor, act)
    }

    test('with Strophe survives two restarts', async () => {
      // Limits Strophe's pauses. It gives up after the fifth failed request.
      await restartUnder(await openStrophe(3), 2, false)
    })

    test('with Converse and its module survives three restarts, in which its user types too', async () => {
      const visitor = await openConverse()
      await restartUnder(visitor.in(stage.bob.bareJid), 3)
    })

    test('with the module sends only unconfirmed messages again if the service is killed', async () => {
      const { bob, context, service } = stage
      await context.addInitScript(noteFrames)
      const page = await openModule('websocket')
      const { tab } = page
      const isConfirmed = (count: number) =>
        tab.waitForFunction(
          wanted => window.noted.states.filter(({ state }) => state === 'sent').length === wanted,
          count,
        )
      await page.say(bob.bareJid, 'confirmed')
      await isConfirmed(1)
      process.kill(service.process.lines[0]!.pid, 'SIGSTOP')
      await page.say(bob.bareJid, 'in flight')
      await service.stop('SIGKILL')
      await tab.waitForFunction(() => window.chat!.status.state !== 'online')
      await page.say(bob.bareJid, 'offline')
      await tab.evaluate(to => {
        window.chat!.addEventListener('status', () => {
          if (window.chat!.status.state === 'online') window.chat!.send(to, 'at once')
        })
      }, bob.bareJid)
      await service.start()
      await bob.receives('>at once<', untilItRepeats)
      await isConfirmed(4)
      await tab.waitForFunction(() => {
        const ping = window.frames.sent.findLast(text => text.includes('urn:xmpp:ping'))!
        return window.frames.got.some(text => text.includes(/ id="(\w+)"/.exec(ping)![1]!))
      })
      await service.stop('SIGKILL')
      await tab.waitForFunction(() => window.chat!.status.state !== 'online')
      await service.start()
      await page.has('online', untilItRepeats)
      await page.say(bob.bareJid, 'last')
      await bob.receives('>last<')
      expect(bob.texts).toEqual(['confirmed', 'in flight', 'offline', 'at once', 'at once', 'last'])
      const { sent } = await tab.evaluate(() => window.frames)
      const iqs = sent.flatMap(text => /^<iq[^>]* id="(\d{20,})"/.exec(text)?.slice(1) ?? [])
      expect(iqs.length).toBe(new Set(iqs).size)
    })

    test.each([
      ['the module', () => openModule('websocket')],
      ['Converse', async () => (await openConverse()).in(stage.bob.bareJid)],
    ])(
      'with %s keeps its session if the service is killed that stores sessions while they are live',
      async (_, open) => {
        const { service } = stage
        const stored = { PERSIST: 'on', REDIS_URL: `unix:${redis.path}` }
        await service.restart(stored)
        await talkWith(await open(), async (_jid, sayBoth) => {
          await sayBoth()
          await service.stop('SIGKILL')
          await sayBoth()
          await service.start(stored)
          await sayBoth()
        })
      },
    )

    test('with the module survives three restarts over BOSH without a call of its backend', async () => {
      await restartUnder(await openModule('bosh'), 3)
      expect(stage.bindings).toBe(1)
    })

    test('with the module survives three restarts over WebSocket', async () =>
      restartUnder(await openModule('websocket'), 3))
  })
}
