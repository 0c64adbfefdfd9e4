// Debian's Chromium, driven by playwright-core, which brings no browser of its own.
import { afterAll } from '@jest/globals'
import { type Browser, chromium } from 'playwright-core'
import { runsRest } from './matrix.js'

/**
 * Debian's packages of it: the browser as users have it, and its engine without windows, which loads a page with a
 * third of the work. The latter tells no page that its tab is closed.
 */
export type Chromium = 'chromium' | 'chromium-headless-shell'

/** The browser for pages that need no more than the engine: `npm test` has the engine alone, and all tests the whole browser. */
export const eitherChromium: Chromium = runsRest ? 'chromium' : 'chromium-headless-shell'

const args = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Starts a headless Chromium, with further arguments; close it when done. Rejects when it is not installed or does not start within 30 s. */
export function launchChromium(program: Chromium = 'chromium', more: readonly string[] = []): Promise<Browser> {
  // Chromium refuses to run as root with its sandbox on.
  const sandbox = process.getuid?.() !== 0
  return chromium.launch({
    executablePath: `/usr/bin/${program}`,
    args: [...(sandbox ? [] : ['--no-sandbox']), ...args, ...more],
    timeout: 30_000,
  })
}

const shared = new Map<Chromium, Promise<Browser>>()

afterAll(async () => {
  for (const starting of shared.values()) await (await starting).close()
})

/** The Chromium of a test file: started when it is first asked for, and closed after the file's last test. */
export function sharedChromium(program: Chromium = 'chromium'): Promise<Browser> {
  const browser = shared.get(program) ?? launchChromium(program)
  shared.set(program, browser)
  return browser
}

/** The whole browser opens pages before Prosody only; before ejabberd it is the server that differs. */
export const browserBefore = (maker: 'Prosody' | 'ejabberd'): Chromium =>
  maker === 'Prosody' ? eitherChromium : 'chromium-headless-shell'
