// Pages of alice in a browser with the modules for pages, and bob at the other end, for all tests of a file.
import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals'
import type { Router } from 'express'
import type { BrowserContext } from 'playwright-core'
import { type Chromium, sharedChromium } from '../support/chromium.js'
import { patience } from '../support/eventually.js'
import { bindTab, callSessions } from '../support/sessions-api.js'
import {
  startTestService,
  type TestService,
  type TestServiceOptions,
  type WarmBinding,
} from '../support/start-service.js'
import { type ConversePortal, ConverseVisitor, serveConversePortal } from './converse-page.js'
import { createModulePageRouter, ModulePage, type PageOptions } from './module-page.js'
import { overStarttls, type XmppServer } from './servers.js'
import { alice, becomeContacts, bobs, passwords, User } from './user.js'

export const transports = ['bosh', 'websocket'] as const

interface Setting<S extends XmppServer> {
  readonly browser: Chromium
  start(): Promise<S>
  /** XMPP_SERVERS; the default is STARTTLS at the port of the server. */
  servers?(server: S): string | Promise<string>
  /** `portal`: the origin of the page with Converse. */
  environment?(portal: string): Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>
  /** Where pages with the module are loaded from, if that is not the service. */
  origin?(): string
  /** Options of the page with the module, beside the usual ones. */
  readonly page?: Partial<PageOptions>
  /** Pages beside those of the modules. */
  routers?(): readonly Router[]
  /** The backend of the portal with Converse; the usual one answers with bindings. */
  answer?(path: string, tab: string): Promise<object | undefined>
}

/** What the stage needs of its service. */
type Service = Pick<TestService, 'url' | 'bind'> & { stop(): Promise<void> }

export class PagesStage<S extends XmppServer, T extends Service = TestService> {
  server!: S
  service!: T
  context!: BrowserContext
  /** Logged in at the server itself. */
  bob!: User
  /** Calls of the portal's backend in this test. */
  bindings = 0
  complaints: string[] = []
  /** The sessions of the tabs in this test. */
  readonly ids = new Map<string, string>()
  /** Of the page with the module, in this test. */
  options!: PageOptions
  account = alice
  /** The portal's changes to a binding. */
  change!: (binding: WarmBinding) => object
  converse!: ConversePortal
  #origin!: () => string

  static of<S extends XmppServer>(setting: Setting<S>): PagesStage<S> {
    return PagesStage.before(setting, startTestService)
  }

  /** With a service that the test starts. */
  static before<S extends XmppServer, T extends Service>(
    setting: Setting<S>,
    serve: (options: TestServiceOptions) => Promise<T>,
  ): PagesStage<S, T> {
    const stage = new PagesStage<S, T>()
    beforeAll(() => stage.#set(setting, serve))
    beforeEach(() => stage.#begin(setting))
    afterEach(() => stage.#end())
    afterAll(() => stage.#strike())
    return stage
  }

  logIn(user: keyof typeof passwords): Promise<User> {
    return User.logInAt(this.server, user, passwords[user])
  }

  async bobComesBack(): Promise<void> {
    await this.bob.leave()
    this.bob = await this.logIn('bob')
  }

  async come(transport = this.options.transport) {
    this.options = { ...this.options, transport }
    return ModulePage.open(await this.context.newPage(), this.#origin())
  }

  async comeWithConverse(
    transport: PageOptions['transport'],
    more: object = {},
    context = this.context,
  ): Promise<ConverseVisitor> {
    this.converse.options = { binding: '/chat/binding', transport, ...more }
    const { url } = this.converse
    const uploads = `http://localhost:${this.server.httpPort}`
    const page = await ConverseVisitor.come(context, url, [url, this.service.url, uploads])
    await page.has('online')
    return page
  }

  /** A page with Converse alone, which prebinds unless it has other settings. */
  comeWithConverseAlone(
    settings: object = { authentication: 'prebind', prebind_url: '/chat/binding', jid: alice.jid },
  ): Promise<ConverseVisitor> {
    this.converse.options = { isAlone: true, settings }
    const { url } = this.converse
    return ConverseVisitor.come(this.context, url, [url, this.service.url])
  }

  async bind(tab: string): Promise<object> {
    this.bindings += 1
    return this.change(await bindTab(this.service, this.ids, tab, this.account))
  }

  async #set(setting: Setting<S>, serve: (options: TestServiceOptions) => Promise<T>): Promise<void> {
    const { start, servers, environment, routers, answer, origin } = setting
    this.server = await start()
    this.converse = await serveConversePortal(() => this.service.url, answer ?? ((_path, tab) => this.bind(tab)))
    this.service = await serve({
      servers: (await servers?.(this.server)) ?? overStarttls(this.server),
      environment: (await environment?.(this.converse.url)) ?? {},
      routers: () => [
        createModulePageRouter(
          () => this.options,
          tab => this.bind(tab),
        ),
        ...(routers?.() ?? []),
      ],
    })
    this.#origin = origin ?? (() => this.service.url)
    await becomeContacts(await this.logIn('alice'), await this.logIn('bob'))
  }

  async #begin({ browser, page }: Setting<S>): Promise<void> {
    this.options = { transport: 'bosh', history: 0, rooms: [], ...page }
    this.account = alice
    this.change = binding => binding
    this.ids.clear()
    this.bindings = 0
    this.complaints = []
    this.bob = await this.logIn('bob')
    this.context = await (await sharedChromium(browser)).newContext()
    this.context.setDefaultTimeout(patience)
    this.context.on('weberror', error => this.complaints.push(error.error().message))
  }

  async #end(): Promise<void> {
    await this.context?.close()
    await this.bob?.leave()
    for (const jid of [alice.jid, bobs.jid]) await callSessions(this.service.url, 'DELETE', `/sessions?jid=${jid}`)
  }

  async #strike(): Promise<void> {
    await this.converse?.stop()
    await this.service?.stop()
    await this.server?.stop()
  }
}
