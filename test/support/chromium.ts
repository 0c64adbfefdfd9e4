// Debian's Chromium, driven by playwright-core, which brings no browser of its own.
import type { Browser } from 'playwright-core'
import { runsRest } from './matrix.js'

/**
 * Debian's packages of it: the browser as users have it, and its engine without windows, which loads a page with a
 * third of the work. The latter tells no page that its tab is closed.
 */
export type Chromium = 'chromium' | 'chromium-headless-shell'

/** For pages that need only the engine: `npm test` uses the engine, `npm run test:all` the whole browser. */
export const eitherChromium: Chromium = runsRest ? 'chromium' : 'chromium-headless-shell'

// Of `test/support/worker-browsers.js`.
declare const launchBrowser: (program: Chromium, more: readonly string[]) => Promise<Browser>
declare const sharedBrowser: (program: Chromium) => Promise<Browser>

/** Starts a headless Chromium. Close it when done. Rejects if it is not installed or does not start. */
export const launchChromium = (program: Chromium, more: readonly string[]): Promise<Browser> =>
  launchBrowser(program, more)

/** The Chromium of this Jest worker: leave it open. What a test file leaves open in it is closed after the file. */
export const sharedChromium = (program: Chromium = 'chromium'): Promise<Browser> => sharedBrowser(program)
