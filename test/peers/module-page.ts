// A page as a portal would have it, with the module that the service has for pages, and its user.
import { type Request, type Response, Router } from 'express'
import type { Page } from 'playwright-core'
import type { Chat, MessageState, Status } from '../../dist/types/browser/connect.js'
import { patience } from '../support/eventually.js'
import type { PageVisitor } from './noted-page.js'
import { portalHtml } from './portal-page.js'

/** What the page notes, for the test to look at; `window.noted`. */
interface ModuleNoted {
  /** Texts of chat messages of others, each as often as it came, over all loads of the tab. */
  readonly texts: string[]
  /** The same of this load alone. */
  readonly loaded: string[]
  /** What was said in the room, over all loads. */
  readonly said: string[]
  /** Messages of the user in this load, from any client. */
  readonly own: { readonly id: string; readonly text: string }[]
  /** Type and sender of messages without text in this load, for example errors or imitated carbons. */
  readonly odd: string[]
  /** States of messages, in this load. */
  readonly states: readonly MessageState[]
  /** Occupants that rooms refused, with the code. */
  readonly refused: string[]
  /** Full JIDs that are present. */
  readonly present: string[]
  readonly statuses: readonly Status[]
}

/** `chat` is what `connect` resolves with. */
export interface ModuleWindow {
  readonly noted: ModuleNoted
  readonly chat: Chat | undefined
}

export interface PageOptions {
  readonly transport: 'auto' | 'bosh' | 'websocket'
  readonly history: number
  readonly rooms: readonly string[]
  /** A function, as text, that gets the chat and the second module. */
  readonly introduce?: string
}

const script = ({ introduce, ...options }: PageOptions) => `
import { connect } from '/assets/warm-bindings.js'
const introduce = ${introduce ?? '() => {}'}
const more = ${introduce && "await import('/assets/warm-bindings-more.js')"}
const kept = name => JSON.parse(sessionStorage.getItem(name) ?? '[]')
window.noted = { texts: kept('texts'), loaded: [], said: kept('said'), own: [], odd: [], states: [], refused: [], present: [], statuses: [] }
const note = (name, text) => {
  noted[name].push(text)
  sessionStorage.setItem(name, JSON.stringify(noted[name]))
}
connect({
  Strophe,
  ...${JSON.stringify({ binding: '/chat/binding', ...options })},
  onMessageState: state => noted.states.push(state),
  onMessage({ id, type, body, own, from }) {
    if (body === undefined) return noted.odd.push(type + ' ' + from)
    if (own) return noted.own.push({ id, text: body })
    if (type === 'groupchat') return note('said', from.split('/')[1] + ': ' + body)
    note('texts', body)
    noted.loaded.push(body)
  },
  onPresence({ from, isAvailable, code }) {
    if (code !== undefined) noted.refused.push(from + ' ' + code)
    noted.present = noted.present.filter(jid => jid !== from)
    if (isAvailable) noted.present.push(from)
  },
  onStatus: status => noted.statuses.push(status),
}).then(chat => introduce((window.chat = chat), more), () => {})
`

const html = portalHtml(['src="/assets/strophe.js"', 'type="module" src="/portal/module.js"'])

/** The page at `/portal/module`, whose options are those of the moment, and `/chat/binding` of its backend. */
export function createModulePageRouter(options: () => PageOptions, binding: (tab: string) => Promise<object>): Router {
  const router = Router()
  router.get('/portal/module', (_request: Request, response: Response) => {
    response.set('Content-Security-Policy', "script-src 'self'").type('html').send(html)
  })
  router.get('/portal/module.js', (_request, response) => void response.type('js').send(script(options())))
  router.get('/chat/binding', async (request, response) => {
    response.set('Cache-Control', 'no-store').json(await binding(String(request.query['tab'])))
  })
  return router
}

declare const window: ModuleWindow

export class ModulePage implements PageVisitor {
  private constructor(readonly tab: Page) {}

  /** Opens the page of this portal. Resolves once it is online. */
  static async open(tab: Page, portal: string): Promise<ModulePage> {
    await tab.goto(`${portal}/portal/module`)
    const page = new ModulePage(tab)
    await page.has('online')
    return page
  }

  /** Resolves once it is online again. */
  async reload(): Promise<void> {
    await this.tab.reload()
    await this.has('online')
  }

  jid(): Promise<string> {
    return this.tab.evaluate(() => window.chat!.jid)
  }

  /** Resolves with the id of the message. */
  say(to: string, text: string): Promise<string> {
    return this.tab.evaluate(([jid, said]) => window.chat!.send(jid!, said!), [to, text])
  }

  async receives(text: string, timeout = patience): Promise<void> {
    await this.tab.waitForFunction(wanted => window.noted.texts.includes(wanted), text, { timeout })
  }

  noted(): Promise<ModuleNoted> {
    return this.tab.evaluate(() => window.noted)
  }

  async texts(): Promise<readonly string[]> {
    return (await this.noted()).texts
  }

  /** Resolves once the page is in this state, or in a state with this code. */
  async has(state: string, timeout = patience): Promise<void> {
    await this.tab.waitForFunction(
      wanted => {
        const { state, code } = window.chat?.status ?? window.noted?.statuses.at(-1) ?? {}
        return state === wanted || code === wanted
      },
      state,
      { timeout },
    )
  }

  /** The codes of all statuses, or their states if they have none. */
  async statuses(): Promise<string[]> {
    return (await this.noted()).statuses.map(({ state, code }) => code ?? state)
  }
}
