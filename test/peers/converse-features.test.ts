// What Converse and the XMPP server do with each other through sessions of the service, which knows nothing of it.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { BrowserContext, Page } from 'playwright-core'
import { eitherChromium, sharedChromium } from '../support/chromium.js'
import { startEjabberd } from '../support/ejabberd.js'
import { ask } from '../support/http-answer.js'
import { fewOrAll, testRest } from '../support/matrix.js'
import { type ConversePortal, serveConversePortal } from '../support/page-converse-module.js'
import { startProsody } from '../support/prosody.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { ConverseVisitor } from './converse-visitor.js'
import { describeWith } from './needs.js'
import type { XmppServer } from './servers.js'
import { becomeContacts, User } from './user.js'

declare const window: {
  inside: { state: { chatboxes: { get(jid: string): { get(name: 'omemo_active'): boolean } | undefined } } }
}

const users = { alice: 'wonderland', bob: 'builder' }
type Name = keyof typeof users
const account = (name: Name) => ({ jid: `${name}@localhost`, password: users[name] })

const config = `
c2s_require_encryption = true
modules_enabled = {
  "roster", "saslauth", "tls", "disco", "ping", "posix", "bosh", "websocket", "smacks", "pep", "carbons", "http_errors"
}
Component "upload.localhost" "http_file_share"
  http_host = "localhost"
`

const kinds = [
  { maker: 'Prosody', packages: ['prosody', 'openssl'], start: () => startProsody({ users, config }) },
  { maker: 'ejabberd', packages: ['ejabberd'], start: () => startEjabberd({ users, uploads: true }) },
] as const

for (const { maker, packages, start } of fewOrAll(kinds, kind => kind.maker === 'Prosody'))
  describeWith([...packages, eitherChromium], `Converse with the module, before ${maker},`, () => {
    let server: XmppServer
    let service: TestService
    let portal: ConversePortal
    let contexts: BrowserContext[] = []
    /** Who is signed in. */
    let name: Name

    beforeAll(async () => {
      server = await start()
      portal = await serveConversePortal(
        () => service.url,
        async (_path, tab) => service.bind({ ...account(name), visit: name, tab }),
      )
      service = await startTestService({
        servers: `localhost=xmpp://127.0.0.1:${server.c2sPort}?ca=${server.caFile}`,
        environment: { CORS_ORIGINS: portal.url },
      })
      await becomeContacts(await attach('alice'), await attach('bob'))
    })

    afterAll(async () => {
      for (const context of contexts) await context.close()
      contexts = []
      await portal?.stop()
      await service?.stop()
      await server?.stop()
    })

    const attach = (who: Name) => User.warm(service, account(who))

    async function come(who: Name, settings: object, transport = 'websocket'): Promise<ConverseVisitor> {
      name = who
      portal.options = { binding: '/chat/binding', transport, settings }
      const context = await (await sharedChromium(eitherChromium)).newContext()
      contexts.push(context)
      const origins = [portal.url, service.url, `http://localhost:${server.httpPort}`]
      const visitor = await ConverseVisitor.come(context, portal.url, origins)
      await visitor.has('online')
      return visitor
    }

    test('uploads a file to the server, and sends its address', async () => {
      const bob = await attach('bob')
      const visitor = await come('alice', {})
      await visitor.turnTo(bob.bareJid)
      await visitor.tab.locator('input.fileupload').setInputFiles({
        ...{ name: 'tea.txt', mimeType: 'text/plain', buffer: Buffer.from('Darjeeling') },
      })
      const message = await bob.receives('tea.txt')
      const [, url = ''] = /<url>([^<]+)<\/url>/.exec(message) ?? []
      expect(await ask(url, { agent: false })).toMatchObject({ status: 200, text: 'Darjeeling' })
      expect(visitor.complaints).toEqual([])
      await bob.leave()
    })

    // ejabberd 23.01 refuses the keys.
    if (maker === 'Prosody')
      testRest('encrypts messages end to end (OMEMO), also after a reload', async () => {
        // Keys must outlive the page.
        const settings = { clear_cache_on_logout: false, persistent_store: 'IndexedDB', omemo_default: true }
        const bob = await come('bob', settings, 'bosh')
        await bob.turnTo('alice@localhost')
        const alice = await come('alice', settings, 'bosh')
        const sent = bodiesOf(alice.tab)
        await alice.turnTo('bob@localhost')
        await alice.tab.waitForFunction(
          jid => window.inside.state.chatboxes.get(jid)?.get('omemo_active'),
          'bob@localhost',
        )
        for (const text of ['lieber Kaffee', 'oder Tee']) {
          await alice.say('bob@localhost', text)
          await bob.reads(text)
        }
        name = 'bob'
        await bob.tab.reload()
        await bob.has('online')
        await bob.turnTo('alice@localhost')
        await alice.say('bob@localhost', 'noch Tee')
        await bob.reads('noch Tee')
        expect(sent()).toMatch(/<encrypted xmlns=.urn:xmpp:omemo:2/)
        expect(sent()).not.toMatch(/lieber Kaffee|oder Tee|noch Tee/)
      })
  })

/** What the page sends over BOSH. */
function bodiesOf(tab: Page): () => string {
  const bodies: string[] = []
  tab.on('request', request => bodies.push(request.postData() ?? ''))
  return () => bodies.join('\n')
}
