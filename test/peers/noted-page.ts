// What pages note for the tests, and what a browser complains of.
import type { Page } from 'playwright-core'
import { patience } from '../support/eventually.js'

/** What goes wrong in the page from now on: errors of scripts, and whatever the console calls one. */
export function complaintsOf(tab: Page): string[] {
  const complaints: string[] = []
  tab.on('pageerror', error => complaints.push(error.message))
  tab.on('console', line => {
    if (line.type() === 'error') complaints.push(line.text())
  })
  return complaints
}

/** Resolves once this holds in the page. Rejects with all that the page has noted. */
export async function untilIn(
  tab: Page,
  holds: (wanted: string) => boolean,
  wanted: string,
  timeout = patience,
): Promise<void> {
  try {
    await tab.waitForFunction(holds, wanted, { timeout, polling: 20 })
  } catch (error) {
    const noted = await tab.evaluate<string>('JSON.stringify(window.noted)')
    throw new Error(`no "${wanted}", but ${noted}`, { cause: error })
  }
}

/** A user of a client: of a page (`tab`), or of a library in this process. */
export interface Visitor {
  jid(): Promise<string>
  say(to: string, text: string): Promise<unknown>
  receives(text: string, milliseconds?: number): Promise<void>
  /** Texts of all messages of others, each as often as it came. */
  texts(): Promise<readonly string[]>
}

export interface PageVisitor extends Visitor {
  readonly tab: Page
}
