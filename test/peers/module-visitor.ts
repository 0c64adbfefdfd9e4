// A user whose page has the module: see `createModulePageRouter`.
import type { Page } from 'playwright-core'
import type { ModuleChat, ModuleNoted } from '../support/page-module.js'

export interface Visitor {
  jid(): Promise<string>
  say(to: string, text: string): Promise<void>
  receives(text: string, milliseconds: number): Promise<void>
  /** Texts of all messages of others, each as often as it came. */
  texts(): Promise<readonly string[]>
  /** It shows two replies in the order in which its browser happens to read their connections, as Strophe does. */
  readonly readsOnArrival?: boolean
}

declare const window: { noted: ModuleNoted; chat: ModuleChat }

/** Opens the page of a portal, and resolves when its chat is online. */
export async function openModulePage(tab: Page, portal: string): Promise<Visitor & { readonly tab: Page }> {
  await tab.goto(`${portal}/portal/module`)
  await tab.waitForFunction(() => window.chat?.status.state === 'online')
  return {
    tab,
    jid: () => tab.evaluate(() => window.chat.jid),
    async say(to, text) {
      await tab.evaluate(([jid, said]) => void window.chat.send(jid!, said!), [to, text])
    },
    async receives(text, timeout) {
      await tab.waitForFunction(wanted => window.noted.texts.includes(wanted), text, { timeout })
    },
    texts: async () => (await tab.evaluate(() => window.noted)).texts,
  }
}

/** The numbers of texts such as `number 5`, in their order. */
export const numbersOf = (texts: readonly string[]) =>
  texts.flatMap(text => /^number (\d+)$/.exec(text)?.slice(1).map(Number) ?? [])
