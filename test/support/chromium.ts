// Debian's Chromium, driven by playwright-core, which brings no browser of its own.
import type { Browser } from 'playwright-core'
import { runsRest } from './matrix.js'

/**
 * Debian's packages of it: the browser as users have it, and its engine without windows, which loads a page with a
 * third of the work. The latter tells no page that its tab is closed.
 */
export type Chromium = 'chromium' | 'chromium-headless-shell'

/** The browser for pages that need no more than the engine: `npm test` has the engine alone, and all tests the whole browser. */
export const eitherChromium: Chromium = runsRest ? 'chromium' : 'chromium-headless-shell'

// Of `test/support/worker-browsers.js`.
declare const launchBrowser: (program: Chromium, more: readonly string[]) => Promise<Browser>
declare const sharedBrowser: (program: Chromium) => Promise<Browser>

/** Starts a headless Chromium, with further arguments; close it when done. Rejects when it is not installed or does not start within 30 s. */
export const launchChromium = (program: Chromium, more: readonly string[]): Promise<Browser> =>
  launchBrowser(program, more)

/** The Chromium of this Jest worker: leave it open. What a test file leaves open in it is closed after the file. */
export const sharedChromium = (program: Chromium = 'chromium'): Promise<Browser> => sharedBrowser(program)

/** The whole browser opens pages before Prosody only; before ejabberd it is the server that differs. */
export const browserBefore = (maker: 'Prosody' | 'ejabberd'): Chromium =>
  maker === 'Prosody' ? eitherChromium : 'chromium-headless-shell'
