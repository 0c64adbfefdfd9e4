// A portal's page with Converse, with or without the service's module for it, at an origin of its own, and its user.
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import express, { type Request, type Response } from 'express'
import type { BrowserContext, Page } from 'playwright-core'
import { patience as timeout } from '../support/eventually.js'
import { Listener } from '../support/listener.js'
import type { PageVisitor } from './noted-page.js'

const dist = dirname(createRequire(import.meta.url).resolve('converse.js/dist/converse.min.js'))

/** `window.noted` of the page. */
interface ConverseModuleNoted {
  /** State and code of each status: `ended signed-out`. Without the module, events of Converse: `connected`. */
  readonly statuses: string[]
}

export interface ConversePortal {
  readonly url: string
  /** Options of `connectConverse` in pages loaded from now on. With `isAlone`, Converse has only these `settings`. */
  options: Readonly<Record<string, unknown>>
  stop(): Promise<void>
}

const withModule = (service: string, options: object) => `
const { connectConverse } = await import('${service}/assets/warm-bindings-converse.js')
connectConverse({
  ...${JSON.stringify(options)},
  onStatus: ({ state, code }) => noted.statuses.push(code ? state + ' ' + code : state),
  settings,
})`

const alone = (service: string) => `
converse.initialize({
  ...{ bosh_service_url: '${service}/http-bind', discover_connection_methods: false, auto_login: true },
  ...{ view_mode: 'fullscreen', persistent_store: 'sessionStorage', reuse_scram_keys: false, ...settings },
})`

const page = (service: string, { settings = {}, isAlone, ...options }: ConversePortal['options']) => `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"><title>A portal</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="/converse/converse.min.css">
</head>
<body class="converse-fullscreen">
<script type="module" src="/converse/converse.min.js"></script>
<script type="module">
window.noted = { statuses: [] }
converse.plugins.add('test', {
  initialize() {
    window.inside = this._converse
    const note = event => inside.api.listen.on(event, () => noted.statuses.push(event))
    if (${isAlone === true}) ['connected', 'logout'].forEach(note)
  },
})
const settings = {
  ...{ assets_path: '/converse/', i18n: 'en', loglevel: 'warn', whitelisted_plugins: ['test'] },
  ...${JSON.stringify(settings)},
}
${isAlone === true ? alone(service) : withModule(service, options)}
</script>
</body>
</html>
`

/** `answer` gives the JSON of `/chat/binding` and `/chat/token` for a tab, or undefined if nobody is signed in. */
export async function serveConversePortal(
  service: () => string,
  answer: (path: string, tab: string) => Promise<object | undefined>,
): Promise<ConversePortal> {
  const app = express()
  app.use('/converse', express.static(dist, { index: false }))
  app.get('/', (_request: Request, response: Response) => void response.send(page(service(), portal.options)))
  app.get('/chat/:name', async (request, response) => {
    const found = await answer(request.path, String(request.query['tab'])).catch(() => 503)
    if (found === undefined || found === 503) response.sendStatus(found ?? 401)
    else response.set('Cache-Control', 'no-store').json(found)
  })
  const listener = await Listener.start(createServer(app))
  const portal: ConversePortal = { url: listener.url, options: {}, stop: () => listener.stop() }
  return portal
}

/** `inside`: the private object of Converse. */
export interface ConverseWindow {
  readonly noted: ConverseModuleNoted
  // biome-ignore lint/suspicious/noExplicitAny: tests look at whatever is there.
  readonly inside: any
}

declare const window: ConverseWindow

const textsIn = (contact: string): string[] =>
  [...(window.inside.state.chatboxes.get(contact)?.messages.models ?? [])]
    .sort((one, other) => Number(one.cid.slice(1)) - Number(other.cid.slice(1)))
    .filter(message => message.get('sender') === 'them')
    .map(message => message.get('body'))

export class ConverseVisitor {
  readonly complaints: string[] = []

  private constructor(readonly tab: Page) {
    tab.setDefaultTimeout(timeout)
    tab.on('pageerror', error => this.complaints.push(error.message))
  }

  /** `origins`: all others are blocked, because Converse loads pictures of its authors. */
  static async come(context: BrowserContext, address: string, origins: readonly string[]): Promise<ConverseVisitor> {
    const visitor = new ConverseVisitor(await context.newPage())
    await visitor.tab.route(
      url => !origins.includes(url.origin),
      route => route.abort(),
    )
    await visitor.tab.goto(address)
    return visitor
  }

  /** A tab that was duplicated from this, with all its storage. */
  async duplicate(): Promise<ConverseVisitor> {
    const opened = this.tab.waitForEvent('popup')
    await this.tab.evaluate('void open(location.href)')
    return new ConverseVisitor(await opened)
  }

  /** Resolves once the page has had this state so often: `online`, `ended signed-out`. */
  async has(state: string, times = 1): Promise<void> {
    try {
      await this.tab.waitForFunction(
        ([wanted, least]) => window.noted?.statuses.filter(each => each === wanted).length >= least,
        [state, times] as const,
      )
    } catch (error) {
      const seen = { ...(await this.tab.evaluate(() => window.noted)), complaints: this.complaints }
      throw new Error(`no "${state}", but ${JSON.stringify(seen)}`, { cause: error })
    }
  }

  /** Resolves once it is online again, with the module. */
  async reload(): Promise<void> {
    await this.tab.reload()
    await this.has('online')
  }

  /** Of a guest. */
  token(): Promise<string | undefined> {
    return this.tab.evaluate(
      "Object.entries(localStorage).find(([name]) => name.startsWith('warm-bindings guest'))?.[1]",
    )
  }

  jid(): Promise<string> {
    return this.tab.evaluate(() => window.inside.api.connection.get()?.jid ?? '')
  }

  async turnTo(contact: string): Promise<void> {
    await this.tab.evaluate(jid => void window.inside.api.chats.open(jid, {}, true), contact)
    await this.tab.locator('converse-chat-message-form, .chat-textarea').first().waitFor()
  }

  async say(to: string, text: string): Promise<void> {
    await this.tab.evaluate(
      ([jid, body]) =>
        void window.inside.api.chats
          .open(jid, {}, true)
          .then((chat: { sendMessage(it: object): void }) => chat.sendMessage({ body })),
      [to, text] as const,
    )
  }

  /** Resolves once Converse waits for nothing but news, over BOSH. */
  async rests(): Promise<void> {
    await this.tab.waitForFunction(() => {
      const requests = window.inside.api.connection.get()?._proto._requests
      return requests?.length === 1 && requests[0]!.age() > 0.3
    })
  }

  /** Resolves once the service holds the only request, and no other will follow. */
  async stopSending(): Promise<void> {
    await this.rests()
    await this.tab.evaluate(() => window.inside.api.connection.get()!.pause())
  }

  /** The same for Converse alone: a request that the browser drops unsent has used up its rid. */
  async stopSendingOnceHeld(isHeld: () => Promise<boolean>): Promise<void> {
    for (;;) {
      await this.stopSending()
      // Chromium opens six connections to a host: the request may wait behind seventy for files of Converse.
      while (await this.tab.evaluate(() => window.inside.api.connection.get()!._proto._requests.length > 0))
        if (await isHeld()) return
      // On a busy machine, its reply can have been on its way for longer than a rest.
      await this.tab.evaluate(() => window.inside.api.connection.get()!.resume())
    }
  }

  /** Logs out of Converse alone. */
  async logOut(): Promise<void> {
    // Strophe gives up after three seconds, also if its last request waits behind two others.
    await this.rests()
    await this.tab.evaluate(() => {
      window.inside.api.connection.get()!.disconnection_timeout = 10_000
      void window.inside.api.user.logout()
    })
    await this.has('logout')
  }

  async reads(text: string): Promise<void> {
    await this.#messages(text).first().waitFor()
  }

  count(text: string): Promise<number> {
    return this.#messages(text).count()
  }

  /** Messages of this contact as they came, each as often as Converse has it. */
  texts(contact: string): Promise<readonly string[]> {
    return this.tab.evaluate(textsIn, contact)
  }

  async receives(contact: string, text: string, milliseconds = timeout): Promise<void> {
    const deadline = performance.now() + milliseconds
    while (!(await this.texts(contact)).includes(text)) {
      if (performance.now() > deadline) throw new Error(`no "${text}", but ${await this.texts(contact)}`)
      await this.tab.waitForTimeout(50)
    }
  }

  in(contact: string): PageVisitor & { leave(): Promise<void> } {
    return {
      tab: this.tab,
      jid: () => this.jid(),
      say: (to, text) => this.say(to, text),
      receives: (text, milliseconds) => this.receives(contact, text, milliseconds),
      texts: () => this.texts(contact),
      leave: () => this.logOut(),
    }
  }

  /** Resolves once a contact is shown so: `online`, `offline`. */
  async seesContact(jid: string, status: string): Promise<void> {
    await this.tab.waitForFunction(
      ([contact, wanted]) => window.inside.state.roster?.get(contact)?.getStatus() === wanted,
      [jid, status] as const,
    )
  }

  async sees(text: string): Promise<void> {
    await this.tab.getByText(text).first().waitFor()
  }

  #messages(text: string) {
    const body = this.tab.locator('converse-chat-message-body').getByText(text, { exact: true })
    return this.tab.locator('converse-chat-message', { has: body })
  }
}
