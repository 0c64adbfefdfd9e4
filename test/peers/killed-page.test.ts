// Pages in Chromium whose process is killed (`kill -9`): another process continues their sessions.
// Runs in npm run test:all only: a minute. `killed-processes.test.ts` shows the same with raw clients.
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { BrowserContext } from 'playwright-core'
import { processIn } from '../../src/store/process-name.js'
import { sharedChromium } from '../support/chromium.js'
import { takeUpSeconds } from '../support/crowd/faults.js'
import { ProcessFlock, probe } from '../support/crowd/process-flock.js'
import { movableSessions } from '../support/crowd/stage.js'
import { ensureBuilt } from '../support/operated-service.js'
import { type ConversePortal, serveConversePortal } from '../support/page-converse-module.js'
import { createModulePageRouter, type ModuleChat, type ModuleNoted } from '../support/page-module.js'
import { type Prosody, startProsody } from '../support/prosody.js'
import { type RedisServer, settingsFor, startRedisServer } from '../support/redis-server.js'
import { callSessions } from '../support/sessions-api.js'
import { testFolder } from '../support/test-folder.js'
import { ConverseVisitor } from './converse-visitor.js'
import { describeWith } from './needs.js'
import { numbersOf, numbersTo, openModulePage, type PageVisitor, sorted } from './page-visitor.js'
import { transports } from './pages-stage.js'
import { servePortal } from './portal-server.js'
import { becomeContacts, User } from './user.js'

/** Each test has users of its own, because a message can reach its user again in a later session. */
const tests = ['1', '2', '3', '4']

/** Until a page works again. */
const mostMilliseconds = takeUpSeconds * 1000
const betweenMessages = 300

declare const window: { noted: ModuleNoted; chat: ModuleChat }

describeWith(['prosody', 'redis-server', 'chromium'], 'A page whose process is killed', () => {
  const { folder } = testFolder()
  let server: Prosody
  let redis: RedisServer
  let flock: ProcessFlock
  let portal: Awaited<ReturnType<typeof servePortal>>
  let converse: ConversePortal
  let context: BrowserContext
  const unused = [...tests]
  let alice: { readonly jid: string; readonly password: string }
  let bob: User
  let transport: 'bosh' | 'websocket' = 'bosh'
  let sessions: { readonly id: string; readonly sid: string }[] = []

  /** A binding of the tab's session, as a portal's backend gets it. */
  const bind = async (tab: string) => {
    const body = { ...alice, visit: 'visit', tab }
    const { status, json } = await callSessions(flock.url, 'POST', '', { body })
    if (status !== 200) throw new Error(`no binding but HTTP ${status}`)
    sessions.push(json)
    return json
  }

  beforeAll(async () => {
    ensureBuilt()
    server = await startProsody({
      users: Object.fromEntries([
        [probe, probe],
        ...tests.flatMap(each => [
          [`alice${each}`, 'wonderland'],
          [`bob${each}`, 'builder'],
        ]),
      ]),
      iterations: 4096,
      config: movableSessions,
    })
    redis = await startRedisServer()
    const environment = {
      XMPP_DOMAINS: 'localhost',
      XMPP_SERVERS: `localhost=xmpp://127.0.0.1:${server.c2sPort}?tls=none`,
      ...settingsFor(redis),
      PERSIST: 'on',
    }
    flock = await ProcessFlock.start(2, { folder, environment })
    portal = await servePortal([createModulePageRouter(() => ({ transport, history: 0, rooms: [] }), bind)])
    converse = await serveConversePortal(
      () => flock.url,
      (_path, tab) => bind(tab),
    )
  })

  beforeEach(async () => {
    sessions = []
    const each = unused.shift()!
    alice = { jid: `alice${each}@localhost`, password: 'wonderland' }
    const logInBob = () => User.logInAt(server, `bob${each}`, 'builder')
    await becomeContacts(await User.logInAt(server, `alice${each}`, alice.password), await logInBob())
    bob = await logInBob()
    context = await (await sharedChromium()).newContext()
  })

  afterEach(async () => {
    await context?.close()
    await bob?.leave()
    await callSessions(flock.url, 'DELETE', `/sessions?jid=${alice.jid}`)
  })

  afterAll(async () => {
    await portal?.stop()
    await converse?.stop()
    await flock?.stop()
    await redis?.remove()
    await server?.stop()
  })

  const openModule = async (over: 'bosh' | 'websocket') => {
    transport = over
    return openModulePage(await context.newPage(), portal.url)
  }

  const openConverse = async (over: 'bosh' | 'websocket') => {
    converse.options = { binding: '/chat/binding', transport: over }
    const page = await ConverseVisitor.come(context, converse.url, [converse.url, flock.url])
    await page.has('online')
    return page.in(bob.bareJid)
  }

  /** Kills the process of the page's session. Another process replaces it. */
  const killProcess = () => {
    const victim = flock.members.find(({ node }) => node === processIn(sessions.at(-1)!.sid))!
    flock.signal(victim, 'SIGKILL')
    return flock.add()
  }

  /** Bob's client gives every third message no id. */
  const bobSays = (to: string, number: number) => {
    if (number % 3 > 0) bob.say(to, `number ${number}`)
    else bob.send(`<message xmlns='jabber:client' type='chat' to='${to}'><body>number ${number}</body></message>`)
  }

  const works = async (visitor: PageVisitor, over: 'bosh' | 'websocket', keepsOrder = true) => {
    const jid = await visitor.jid()
    await visitor.say(bob.bareJid, 'hello')
    await bob.receives('>hello<')
    let number = 0
    let isOver = false
    const talking = (async () => {
      while (!isOver) {
        number += 1
        bobSays(jid, number)
        await visitor.say(bob.bareJid, `number ${number}`)
        await pause(betweenMessages)
      }
    })()
    await pause(2_000)
    const replaced = killProcess()
    const first = number + 1
    await Promise.all([
      visitor.receives(`number ${first}`, mostMilliseconds),
      bob.receives(`>number ${first}<`, mostMilliseconds),
    ])
    await pause(1_000)
    isOver = true
    await Promise.all([talking, replaced])
    await visitor.receives(`number ${number}`, mostMilliseconds)
    await bob.receives(`>number ${number}<`, mostMilliseconds)
    await bob.isUpToDate()
    const shown = numbersOf(await visitor.texts())
    expect(keepsOrder ? shown : sorted(shown)).toEqual(numbersTo(number))
    // A page can repeat a BOSH request that the process accepted after its last record. Contacts know the ids.
    expect(over === 'bosh' ? [...new Set(bob.numbers)] : bob.numbers).toEqual(numbersTo(number))
    expect(await visitor.jid()).toBe(jid)
    expect(new Set(sessions.map(({ id }) => id)).size).toBe(1)
    expect(bob.hasSeen(jid, 'unavailable')).toBe(false)
    expect(await visitor.tab.evaluate(() => JSON.stringify(window.noted.statuses))).not.toContain('ended')
    return { jid, number }
  }

  test.each(transports)('goes on with the module over %s, also when it is reloaded', async over => {
    const visitor = await openModule(over)
    const { jid, number } = await works(visitor, over)
    await visitor.tab.reload()
    await visitor.tab.waitForFunction(() => window.chat?.status.state === 'online')
    const later = Array.from({ length: 12 }, (_, index) => number + 1 + index)
    for (const next of later) bobSays(jid, next)
    await visitor.receives(`number ${later.at(-1)}`, mostMilliseconds)
    const loaded = await visitor.tab.evaluate(() => window.noted.loaded)
    expect(numbersOf(loaded).filter(each => each > number)).toEqual(later)
  })

  test.each(transports)('goes on with Converse over %s', async over => {
    // Over WebSocket, Converse may show messages in another order than they came in.
    await works(await openConverse(over), over, over === 'bosh')
  })
})
