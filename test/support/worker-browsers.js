// The browsers of a Jest worker: one of each program, started when a test file first asks for it. They stay open for
// later files. playwright-core stays loaded, too, because loading it takes half a second of processor time.

const args = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** True in a worker of Jest. False if Jest itself runs the test files, one at a time. */
const isWorker = process.send !== undefined

const shared = new Map()

/** Starts one of its own; see `launchChromium`. */
export async function launchBrowser(program, more = []) {
  const { chromium } = await import('playwright-core')
  // Chromium refuses to run as root with its sandbox on.
  const sandbox = process.getuid?.() !== 0
  return chromium.launch({
    executablePath: `/usr/bin/${program}`,
    args: [...(sandbox ? [] : ['--no-sandbox']), ...args, ...more],
    timeout: 120_000,
  })
}

/** The worker's; see `sharedChromium`. */
export async function sharedBrowser(program) {
  const before = await shared.get(program)?.catch(() => undefined)
  if (before?.isConnected()) return before
  if (shared.size === 0 && isWorker) process.on('removeListener', endWithWorker)
  const starting = launchBrowser(program)
  shared.set(program, starting)
  return starting
}

/** Closes what a test file has left open: in a worker its pages, otherwise the browsers. */
export async function clearBrowsers() {
  for (const starting of shared.values()) {
    const browser = await starting.catch(() => undefined)
    if (browser === undefined) continue
    if (isWorker) for (const context of browser.contexts()) await context.close()
    else await browser.close()
  }
  if (!isWorker) shared.clear()
}

/** Jest stops listening in a worker that has no more to do. Playwright kills its browsers when the process ends. */
function endWithWorker(event) {
  if (event === 'message') process.exit()
}
