// Pages that a portal would serve to its user, with the very scripts that the documents have for WebSocket, and what a
// test does with them.
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import express, { type Request, type Response, Router } from 'express'
import type { Page } from 'playwright-core'
import { patience } from '../support/eventually.js'
import { untilIn } from './noted-page.js'
import { portalHtml } from './portal-page.js'

const converseFolder = dirname(createRequire(import.meta.url).resolve('converse.js/dist/converse.min.js'))

/** What a page notes, for the test to look at; `window.noted`. */
interface SocketNoted {
  /** Texts of the messages that came, each as often as it came. */
  readonly texts: string[]
  readonly events: string[]
}

/** What a page can be told to do; `window.portal`. */
interface SocketChat {
  jid(): string
  say(to: string, text: string): void
  leave(): void
}

interface SocketScripts {
  readonly strophe: string
  readonly converse: string
  readonly xmppJs?: string
}

/** Takes note of what came; Strophe has each element in a wrapper. */
const noting = `
window.noted = { texts: [], events: [] }
const note = root => {
  for (const element of root.nodeName === 'message' || root.nodeName === 'resumed' ? [root] : root.children) {
    if (element.nodeName === 'resumed') noted.events.push('resumed')
    if (element.nodeName !== 'message') continue
    for (const body of element.children) if (body.nodeName === 'body') noted.texts.push(body.textContent)
  }
}
`

const stropheBefore = `${noting}
sessionStorage.tab = 'strophe'
const nameOf = code => Object.keys(Strophe.Status).find(name => Strophe.Status[name] === code)
const { connect } = Strophe.Connection.prototype
Strophe.Connection.prototype.connect = function (jid, pass, follow, ...rest) {
  this.xmlInput = note
  connect.call(this, jid, pass, (status, why) => {
    noted.events.push(why ? nameOf(status) + ' ' + why : nameOf(status))
    if (!noted.isLeaving) follow(status, why)
  }, ...rest)
}
`

const stropheAfter = `
window.portal = {
  jid: () => connection.jid,
  say: (to, text) => connection.send($msg({ to, type: 'chat' }).c('body').t(text)),
  leave() {
    noted.isLeaving = true
    connection.disconnect('done')
  },
}
`

const converseBefore = `${noting}
sessionStorage.tab = 'converse'
const events = ['connected', 'reconnected', 'will-reconnect', 'disconnected', 'logout', 'streamResumptionFailed']
const { initialize } = converse
converse.plugins.add('portal', {
  initialize() {
    const { api } = this._converse
    for (const event of events) api.listen.on(event, () => noted.events.push(event))
    api.listen.on('connectionInitialized', () => {
      api.connection.get().xmlInput = note
    })
    window.portal = {
      jid: () => api.connection.get().jid,
      say: (to, text) => void api.chats.open(to, {}, true).then(box => box.sendMessage({ body: text })),
      leave: () => void api.user.logout(),
    }
  },
})
const here = {
  ...{ assets_path: '/portal/converse/dist', view_mode: 'fullscreen', i18n: 'en', loglevel: 'warn' },
  ...{ persistent_store: 'sessionStorage', whitelisted_plugins: ['portal'] },
}
converse.initialize = settings => initialize.call(converse, { ...settings, ...here })
`

/** Appended to the program with xmpp.js before it is bundled. */
export const xmppJsAfter = `
xmpp.on('stanza', stanza => stanza.is('message') && noted.texts.push(stanza.getChildText('body')))
window.portal = {
  jid: () => String(xmpp.jid),
  say: (to, text) => void xmpp.send(xml('message', { to, type: 'chat' }, xml('body', {}, text))),
  leave: () => void xmpp.stop(),
}
`

/**
 * Serves the pages `/portal/websocket/strophe`, `/portal/websocket/converse` and `/portal/websocket/xmpp-js` with these
 * scripts. `/chat/credentials` answers with the `credentials` for a tab.
 */
export function createSocketPagesRouter(
  scripts: () => SocketScripts,
  credentials: (tab: string) => Promise<object>,
): Router {
  const router = Router()
  const show = (path: string, html: string) =>
    router.get(path, (_request: Request, response: Response) => {
      response.removeHeader('Content-Security-Policy')
      response.type('html').send(html)
    })
  const script = (path: string, text: () => string) =>
    router.get(path, (_request: Request, response: Response) => void response.type('js').send(text()))

  show('/portal/websocket/strophe', portalHtml(['src="/assets/strophe.js"', 'src="/portal/websocket/strophe-chat.js"']))
  script('/portal/websocket/strophe-chat.js', () => `${stropheBefore}\n${scripts().strophe}\n${stropheAfter}`)

  show(
    '/portal/websocket/converse',
    portalHtml(
      [
        'type="module" src="/portal/converse/dist/converse.min.js"',
        'type="module" src="/portal/websocket/converse-chat.js"',
      ],
      '<link rel="stylesheet" href="/portal/converse/dist/converse.min.css">',
    ),
  )
  script('/portal/websocket/converse-chat.js', () => `${converseBefore}\n${scripts().converse}`)
  show('/portal/websocket/xmpp-js', portalHtml(['src="/portal/websocket/xmpp-js-chat.js"']))
  script('/portal/websocket/xmpp-js-chat.js', () => `${noting};${scripts().xmppJs}`)

  router.use('/portal/converse/dist', express.static(converseFolder, { index: false }))

  router.get('/chat/credentials', async (request, response) => {
    response.set('Cache-Control', 'no-store').json(await credentials(String(request.query['tab'])))
  })
  return router
}

declare const window: { noted: SocketNoted; portal: SocketChat }

export class SocketPage {
  private constructor(
    readonly tab: Page,
    readonly address: string,
  ) {}

  /** Opens the page with this client; its scripts begin by themselves. */
  static async open(tab: Page, portal: string, name: 'strophe' | 'converse' | 'xmpp-js'): Promise<SocketPage> {
    const page = new SocketPage(tab, `${portal}/portal/websocket/${name}`)
    await page.load()
    return page
  }

  async away(): Promise<void> {
    await this.tab.goto('about:blank')
  }

  async load(): Promise<void> {
    await this.tab.goto(this.address, { timeout: patience })
  }

  jid(): Promise<string> {
    return this.tab.evaluate(() => window.portal.jid())
  }

  async say(to: string, text: string): Promise<void> {
    await this.tab.evaluate(([jid, said]) => window.portal.say(jid, said), [to, text] as const)
  }

  async leave(): Promise<void> {
    await this.tab.evaluate(() => window.portal.leave())
  }

  /** Texts of all messages that came since the page was loaded. */
  texts(): Promise<readonly string[]> {
    return this.tab.evaluate(() => window.noted.texts)
  }

  events(): Promise<readonly string[]> {
    return this.tab.evaluate(() => window.noted.events)
  }

  receives(text: string, milliseconds?: number): Promise<void> {
    return untilIn(this.tab, wanted => window.noted.texts.includes(wanted), text, milliseconds)
  }

  resumes(milliseconds: number): Promise<void> {
    return untilIn(this.tab, wanted => window.noted.events.includes(wanted), 'resumed', milliseconds)
  }
}
