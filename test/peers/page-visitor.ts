// A user of a page: of Strophe (`PortalPage`), of the module for pages, or of Converse (`ConverseVisitor.in`).
import type { Page } from 'playwright-core'
import type { ModuleChat, ModuleNoted } from '../support/page-module.js'

export interface PageVisitor {
  readonly tab: Page
  jid(): Promise<string>
  say(to: string, text: string): Promise<void>
  receives(text: string, milliseconds: number): Promise<void>
  /** Texts of all messages of others, each as often as it came. */
  texts(): Promise<readonly string[]>
}

declare const window: { noted: ModuleNoted; chat: ModuleChat }

export async function openModulePage(tab: Page, portal: string): Promise<PageVisitor> {
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

/** 1, 2, … */
export const numbersTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1)

export const sorted = (numbers: readonly number[]) => numbers.toSorted((one, other) => one - other)
