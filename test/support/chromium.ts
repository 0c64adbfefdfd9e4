// Debian's Chromium, driven by playwright-core, which brings no browser of its own.
import { type Browser, chromium } from 'playwright-core'

const args = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Starts a headless Chromium, with further arguments; close it when done. Rejects when it is not installed or does not start within 30 s. */
export function launchChromium(more: readonly string[] = []): Promise<Browser> {
  // Chromium refuses to run as root with its sandbox on.
  const sandbox = process.getuid?.() !== 0
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [...(sandbox ? [] : ['--no-sandbox']), ...args, ...more],
    timeout: 30_000,
  })
}
