// Ordinary XMPP clients attach to warmed sessions over WebSocket, by the recipes in the documents: with a token as
// password. They lose their network, and resume.

import { execFileSync } from 'node:child_process'
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { client, xml } from '@xmpp/client'
import { type Agent, createClient } from 'stanza'
import { eventually } from '../support/eventually.js'
import { type Relay, startRelay } from '../support/relay.js'
import { root } from '../support/repository.js'
import { bindTab, callSessions } from '../support/sessions-api.js'
import { testFolder } from '../support/test-folder.js'
import { Document } from './documented.js'
import { describeWith } from './needs.js'
import { PagesStage } from './pages-stage.js'
import { bothServers } from './servers.js'
import { createSocketPagesRouter, SocketPage, xmppJsAfter } from './socket-page.js'
import { StanzaClient } from './stanza-client.js'
import { alice, passwords } from './user.js'
import { type XmppJs, XmppJsClient } from './xmpp-js-client.js'

/** How long the network is gone, in milliseconds. */
const outage = 20_000
/** Strophe and stanza try again after 1 or 2 seconds, and then after twice as long each time. */
const untilAllTryAgain = 30_000

const { folder, file: write } = testFolder()
symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))

const names = ['Strophe', 'Converse', 'xmpp.js', 'xmpp.js by FAST', 'stanza'] as const
type Name = (typeof names)[number]

type Client = SocketPage | XmppJsClient | StanzaClient

for (const kind of bothServers(passwords)) {
  describeWith([...kind.packages, 'chromium'], `WebSocket clients at ${kind.name}`, () => {
    let relay: Relay
    let recipes: Record<Name, string>
    let visitors: Client[]

    /** The reply of a portal's backend to its pages. */
    const credentials = async (tab: string) => {
      const { jid, websocket } = await bindTab(stage.service, stage.ids, tab, alice)
      return { jid, password: websocket!.token }
    }

    const stage = PagesStage.of({
      browser: 'chromium',
      start: kind.start,
      routers: () => [
        createSocketPagesRouter(
          () => ({ strophe: recipes.Strophe, converse: recipes.Converse, xmppJs: bundled(recipes['xmpp.js']) }),
          credentials,
        ),
      ],
    })

    beforeAll(async () => {
      relay = await startRelay(stage.service.url)
      recipes = readRecipes(relay.url)
    })

    beforeEach(() => {
      visitors = []
    })

    afterEach(async () => {
      relay.restore()
      await Promise.allSettled(visitors.map(visitor => visitor.leave()))
    })

    afterAll(() => relay?.stop())

    const come = <C extends Client>(visitor: C): C => {
      visitors.push(visitor)
      return visitor
    }

    const fetchAtPortal = (path: string) => fetch(stage.service.url + path)

    const openPage = async (name: 'strophe' | 'converse' | 'xmpp-js') =>
      come(await SocketPage.open(await stage.context.newPage(), stage.service.url, name))

    const runXmppJs = (recipe: string, tab: string) =>
      come(new XmppJsClient(run(recipe, { client, xml, tab, fetch: fetchAtPortal }, 'xmpp') as XmppJs))

    const opening: Record<Name, () => Client | Promise<Client>> = {
      Strophe: () => openPage('strophe'),
      Converse: () => openPage('converse'),
      'xmpp.js': () => runXmppJs(recipes['xmpp.js'], 'plain'),
      'xmpp.js by FAST': () => runXmppJs(recipes['xmpp.js by FAST'], 'fast'),
      stanza: () => {
        const given = { createClient, tab: 'stanza', fetch: fetchAtPortal }
        return come(new StanzaClient(run(recipes.stanza, given, 'client') as Agent))
      },
    }

    /** Of the tabs. */
    const jids = () =>
      Promise.all(
        Array.from(
          stage.ids.values(),
          async id => (await callSessions(stage.service.url, 'GET', `/${id}`)).json.jid as string,
        ),
      )

    const chat = async (visitor: Client, jid: string, number: number) => {
      const { bob } = stage
      await visitor.say(bob.jid, `number ${number} of ${jid}`)
      await bob.receives(`number ${number} of ${jid}`)
      bob.say(jid, `number ${number} for ${jid}`)
      await visitor.receives(`number ${number} for ${jid}`)
    }

    test.each(['strophe', 'converse'] as const)('%s continues after messages with stream errors inside', async name => {
      const { bob } = stage
      const visitor = await openPage(name)
      await eventually('a session', () => stage.ids.size > 0)
      const [jid] = (await jids()) as [string]
      await bob.seesPresence(jid, undefined)
      const conflict = "<conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
      const streams = 'http://etherx.jabber.org/streams'
      const odd = [
        `<error xmlns='${streams}'>${conflict}</error>`,
        `<x xmlns='urn:x' xmlns:s='${streams}'><s:error>${conflict}</s:error></x>`,
        `<x xmlns='urn:x'><error xmlns='${streams.replace('streams', 'stre&#97;ms')}'>${conflict}</error></x>`,
      ]
      const { length } = await visitor.events()
      for (const error of odd) bob.send(`<message xmlns='jabber:client' type='chat' to='${jid}'>${error}</message>`)
      await chat(visitor, jid, 1)
      expect((await visitor.events()).slice(length)).toEqual([])
    })

    test('xmpp.js also attaches from a page, bundled by esbuild as its recipe says', async () => {
      const page = await openPage('xmpp-js')
      await eventually('a session', () => stage.ids.size > 0)
      const [jid] = (await jids()) as [string]
      await stage.bob.seesPresence(jid, undefined)
      await chat(page, jid, 1)
    })

    test('attach with a token, survive an outage and a reload, and lose no message', async () => {
      const { bob, context, service } = stage
      const each = await Promise.all(
        names.map(async name => {
          const visitor = await opening[name]()
          await eventually(`a session for ${name}`, () => stage.ids.size >= visitors.length)
          return { name, visitor, jid: '' }
        }),
      )
      const together = (act: (one: (typeof each)[number]) => Promise<void>) =>
        Promise.all(
          each.map(one =>
            act(one).catch(error => {
              throw new Error(`${one.name}: ${error.message}`, { cause: error })
            }),
          ),
        )
      const warmed = await jids()
      for (const jid of warmed) await bob.seesPresence(jid, undefined)
      await together(async one => {
        one.jid = await one.visitor.jid()
        expect(warmed).toContain(one.jid)
        await chat(one.visitor, one.jid, 1)
      })
      expect(new Set(each.map(({ jid }) => jid)).size).toBe(names.length)

      // Messages in flight are lost with the network.
      relay.stall()
      await together(({ visitor, jid }) => visitor.say(bob.jid, `number 2 of ${jid}`))
      for (const { jid } of each) bob.say(jid, `number 2 for ${jid}`)
      await bob.isUpToDate()
      relay.lose()
      await context.setOffline(true)
      await new Promise(resolve => setTimeout(resolve, outage))
      for (const { jid } of each) bob.say(jid, `number 3 for ${jid}`)
      await bob.isUpToDate()
      relay.restore()
      await context.setOffline(false)

      await together(async ({ visitor, jid }) => {
        await visitor.resumes(untilAllTryAgain)
        await visitor.receives(`number 3 for ${jid}`)
        await bob.receives(`number 2 of ${jid}`)
        await chat(visitor, jid, 4)
        const numbers = (texts: readonly string[], word: 'of' | 'for') =>
          texts.flatMap(text =>
            Array.from(text.matchAll(/number (\d) (of|for) ([^<]*)/g))
              .filter(([, , said, whom]) => said === word && whom === jid)
              .map(([, number]) => number),
          )
        expect(numbers(await visitor.texts(), 'for')).toEqual(['1', '2', '3', '4'])
        expect(numbers([bob.received], 'of')).toEqual(['1', '2', '4'])
        expect(bob.hasSeen(jid, 'unavailable')).toBe(false)
      })

      await together(async ({ visitor, jid }) => {
        if (!(visitor instanceof SocketPage)) return
        await visitor.away()
        bob.say(jid, `number 5 for ${jid}`)
        await bob.isUpToDate()
        await visitor.load()
        await visitor.receives(`number 5 for ${jid}`)
        await chat(visitor, jid, 6)
        expect(await visitor.jid()).toBe(jid)
        const texts = (await visitor.texts()).filter(text => text.startsWith('number'))
        expect(texts).toEqual([5, 6].map(number => `number ${number} for ${jid}`))
        expect(bob.hasSeen(jid, 'unavailable')).toBe(false)
      })

      await together(async ({ visitor, jid }) => {
        const gone = bob.seesPresence(jid, 'unavailable')
        await Promise.all([visitor.leave(), gone])
      })
      visitors = []
      await bob.leave()
      await eventually('no session and no link left', service.isIdle)
    })
  })
}

/** The documents' recipe for each client, at the service behind this address. */
function readRecipes(url: string): Record<Name, string> {
  const recipe = (file: string) => new Document(`examples/recipes/websocket/${file}`, url).text
  const xmppJs = recipe('xmpp-js.js')
  return {
    Strophe: recipe('strophe.js'),
    Converse: recipe('converse.js'),
    'xmpp.js': xmppJs,
    'xmpp.js by FAST': xmppJs
      .replace(/^ *await authenticate.*$/m, '')
      .replace('// await authenticate', 'await authenticate'),
    stanza: recipe('stanza.js'),
  }
}

/** The script of a page, made as the recipe says. */
function bundled(recipe: string): string {
  const [, options, file] = /`esbuild (.*\.\/(.*))`/.exec(recipe)!
  const [, text] = new RegExp(`${file} has: (.*)`).exec(recipe)!
  write(file!, text!)
  write('page.js', recipe + xmppJsAfter)
  const esbuild = join(root, 'node_modules', '.bin', 'esbuild')
  return execFileSync(esbuild, ['page.js', ...options!.split(' ')], { cwd: folder, encoding: 'utf8' })
}

/** Runs a program whose imports are given, and returns what it calls `result`. */
function run(program: string, given: Readonly<Record<string, unknown>>, result: string): unknown {
  const body = `${program.replaceAll(/^(?:import|sessionStorage|const { tab }).*$/gm, '')}\nreturn ${result}`
  return new Function(...Object.keys(given), body)(...Object.values(given))
}
