// The page that a portal would serve to its user, with Strophe as published and as little script as it takes, and what a
// test does with it. Every wait has a deadline of its own.
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import express, { Router } from 'express'
import type { Page } from 'playwright-core'
import { patience as timeout } from '../support/eventually.js'
import { Listener } from '../support/listener.js'
import { root } from '../support/repository.js'
import { complaintsOf, type PageVisitor, untilIn } from './noted-page.js'
import { textsIn } from './user.js'

/** What the page notes, for the test to look at; `window.noted`. */
interface Noted {
  /** Names of Strophe's statuses in order, with the condition where there is one: `CONNFAIL item-not-found`. */
  readonly statuses: string[]
  readonly bodies: string[]
  /** Whether the session was taken up from what the tab remembers. */
  restored: boolean
  jid: string
}

/** What the page can be told to do; `window.chat`. */
interface Chat {
  /** Restores the tab's session, or attaches with the binding. Sends presence with the first request. */
  begin(binding: { jid: string; sid: string; rid: number; wait: number }, endpoint: string): void
  /** Logs in by itself, and then sends presence. */
  logIn(jid: string, password: string, endpoint: string): void
  say(to: string, text: string): void
  leave(): void
  /** Ends the session by a beacon when the page is left. */
  leaveWithPage(): void
}

const script = `
const nameOf = code => Object.keys(Strophe.Status).find(name => Strophe.Status[name] === code)
let connection
window.noted = { statuses: [], bodies: [], restored: false, jid: '' }
const connect = endpoint => {
  connection = new Strophe.Connection(endpoint, { keepalive: true })
  connection.xmlInput = body => noted.bodies.push(new XMLSerializer().serializeToString(body))
}
const follow = (status, why) => {
  noted.statuses.push(why ? nameOf(status) + ' ' + why : nameOf(status))
  if (status !== Strophe.Status.ATTACHED && status !== Strophe.Status.CONNECTED) return
  noted.jid = connection.jid
  connection.send($pres())
}
window.chat = {
  begin({ jid, sid, rid, wait }, endpoint) {
    connect(endpoint)
    try {
      connection.restore(jid, follow, wait)
      noted.restored = true
    } catch {
      connection.attach(jid, sid, rid, follow, wait)
    }
  },
  logIn(jid, password, endpoint) {
    connect(endpoint)
    connection.connect(jid, password, follow)
  },
  say: (to, text) => connection.send($msg({ to, type: 'chat', id: text }).c('body').t(text)),
  leave() {
    // On a slow machine, three seconds, which Strophe usually waits, pass before the last request is sent.
    connection.disconnection_timeout = 10_000
    connection.disconnect('done')
  },
  leaveWithPage() {
    addEventListener('pagehide', () => {
      const { sid, rid } = connection._proto
      const body = $build('body', { xmlns: Strophe.NS.HTTPBIND, type: 'terminate', sid, rid })
      navigator.sendBeacon(connection.service, new Blob([body.toString()], { type: 'text/plain' }))
    })
  },
}
`

/** `scripts`: the attributes of each. */
export const portalHtml = (scripts: readonly string[], head = '') => `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>A portal</title><link rel="icon" href="data:,">${head}</head>
<body>${scripts.map(script => `<script ${script}></script>`).join('')}</body>
</html>
`

/** The page at `/portal`, for an app that has Strophe under `/assets`: the service, or a portal. */
export function createPageRouter(): Router {
  const router = Router()
  router.get('/portal', (_request, response) => {
    // Replaces the policy of the service's own pages.
    const html = portalHtml(['src="/assets/strophe.js"', 'src="/portal/chat.js"'])
    response.set('Content-Security-Policy', "script-src 'self'").type('html').send(html)
  })
  router.get('/portal/chat.js', (_request, response) => void response.type('js').send(script))
  return router
}

/** The server of a portal's pages, with Strophe and the service's modules under `/assets`. */
export function servePortal(routers: readonly Router[]): Promise<Listener> {
  const app = express()
  app.use('/assets', express.static(join(root, 'dist/browser')))
  const strophe = dirname(createRequire(import.meta.url).resolve('strophe.js/package.json'))
  app.get('/assets/strophe.js', (_request, response) => response.sendFile('dist/strophe.umd.min.js', { root: strophe }))
  for (const router of routers) app.use(router)
  return Listener.start(createServer(app))
}

declare const window: { noted: Noted; chat: Chat }

export class PortalPage implements PageVisitor {
  /** What went wrong in the page: errors of scripts, and whatever the console calls one. */
  readonly complaints: readonly string[]
  /** Questions whether another origin's request would be welcome. */
  preflights = 0

  private constructor(
    readonly tab: Page,
    readonly address: string,
    readonly endpoint: string,
  ) {
    this.complaints = complaintsOf(tab)
  }

  /** Opens the portal at one address; its BOSH endpoint is the service's. */
  static async open(tab: Page, portal: string, service: string): Promise<PortalPage> {
    const page = new PortalPage(tab, `${portal}/portal`, `${service}/http-bind`)
    const network = await tab.context().newCDPSession(tab)
    network.on('Network.requestWillBeSent', ({ request }) => {
      if (request.method === 'OPTIONS') page.preflights += 1
    })
    await network.send('Network.enable')
    await page.back()
    return page
  }

  async away(): Promise<void> {
    await this.tab.goto('about:blank')
  }

  async back(): Promise<void> {
    await this.tab.goto(this.address, { timeout })
  }

  async begin(binding: Parameters<Chat['begin']>[0]): Promise<void> {
    await this.tab.evaluate(([given, endpoint]) => window.chat.begin(given, endpoint), [
      binding,
      this.endpoint,
    ] as const)
  }

  async logIn(jid: string, password: string): Promise<void> {
    await this.tab.evaluate(given => window.chat.logIn(...given), [jid, password, this.endpoint] as const)
  }

  async say(to: string, text: string): Promise<void> {
    await this.tab.evaluate(([jid, said]) => window.chat.say(jid, said), [to, text] as const)
  }

  async leave(): Promise<void> {
    await this.tab.evaluate(() => window.chat.leave())
    await this.reaches('DISCONNECTED')
  }

  jid(): Promise<string> {
    return this.tab.evaluate(() => window.noted.jid)
  }

  received(): Promise<string> {
    return this.tab.evaluate(() => window.noted.bodies.join('\n'))
  }

  async texts(): Promise<string[]> {
    return textsIn(await this.received())
  }

  async receives(text: string, milliseconds = timeout): Promise<void> {
    await untilIn(this.tab, wanted => window.noted.bodies.some(body => body.includes(wanted)), text, milliseconds)
  }

  /** Resolves once Strophe has reported the status, for whatever reason if none is given with it. */
  async reaches(status: string): Promise<void> {
    await untilIn(this.tab, wanted => window.noted.statuses.some(noted => noted.startsWith(wanted)), status)
  }

  async isQuiet(): Promise<void> {
    await untilIn(this.tab, () => window.noted.bodies.length > 0, '')
  }
}
