// Attack: a form of another site posts a BOSH request of the attacker's own session. The browser would show the reply,
// with the attacker's script in it, as a document of our origin.
import { createServer } from 'node:http'
import { afterEach, beforeAll, expect, test } from '@jest/globals'
import type { BrowserContext, Page, Response } from 'playwright-core'
import { BoshClient } from '../support/bosh-client.js'
import { eitherChromium, launchChromium } from '../support/chromium.js'
import { stoppedAfterAll } from '../support/closers.js'
import { eventually, patience } from '../support/eventually.js'
import { Listener } from '../support/listener.js'
import { startTestService, type TestService, type WarmBinding } from '../support/start-service.js'
import { describeWith } from './needs.js'

/** No secure context, like a service without TLS: browsers send no Sec-Fetch-Mode. */
const untrusted = 'chat.example'

const script =
  "<message xmlns='jabber:client' to='mallory@localhost' type='chat'><body>planted</body>" +
  "<script xmlns='http://www.w3.org/1999/xhtml'>ran(location.href)</script></message>"

describeWith([eitherChromium], 'A form of another site', () => {
  const keep = stoppedAfterAll()
  let service: TestService
  let elsewhere: Listener
  let context: BrowserContext
  let ran: string[] = []
  let form = ''

  beforeAll(async () => {
    service = await keep(startTestService({ demo: [{ mallory: 'secret' }] }))
    const server = createServer((_req, res) => void res.writeHead(200, { 'Content-Type': 'text/html' }).end(form))
    elsewhere = await keep(Listener.start(server))
    const browser = await launchChromium(eitherChromium, [`--host-resolver-rules=MAP ${untrusted} 127.0.0.1`])
    await keep({ stop: () => browser.close() })
    context = await browser.newContext()
    await context.exposeFunction('ran', (where: string) => void ran.push(where))
  })

  afterEach(async () => {
    ran = []
    for (const page of context.pages()) await page.close()
  })

  /** A session of the attacker's in which a stanza with a script waits for the next request. */
  async function planted(): Promise<{ binding: WarmBinding; client: BoshClient }> {
    const binding = await service.bind({ jid: 'mallory@localhost', password: 'secret' })
    const client = new BoshClient(`${service.url}/http-bind`, binding)
    await client.request("<presence xmlns='jabber:client'/>", { pause: '60' })
    // The session sends the script to itself.
    await client.request(script, { pause: '60' })
    return { binding, client }
  }

  /** Opens the attacker's page, with a form for a new tab or a frame. */
  async function attack(endpoint: string, { sid }: WarmBinding, rid: number, target: string): Promise<Page> {
    const name = `<body rid='${rid}' sid='${sid}' xmlns='http://jabber.org/protocol/httpbind' x='`
    form = `<!DOCTYPE html><iframe name="frame"></iframe>
      <form method="post" enctype="text/plain" target="${target}" action="${endpoint}">
      <input type="hidden" name="${name}" value="'/&gt;"></form>`
    const page = await context.newPage()
    await page.goto(`http://localhost:${elsewhere.port}/`)
    return page
  }

  /** Submits the form. Resolves with the response and the text that the browser shows. */
  async function submit(page: Page, target: string) {
    const opened = target === '_blank' ? context.waitForEvent('page') : undefined
    const isPosted = (response: Response) => response.request().method() === 'POST'
    const answered = context.waitForEvent('response', { predicate: isPosted, timeout: patience })
    await page.evaluate('document.forms[0].submit()')
    const response = await answered
    const shown = opened === undefined ? page.frame('frame')! : (await opened).mainFrame()
    await eventually('the response is shown', () => !/^(about:blank)?$/.test(shown.url()))
    await shown.waitForLoadState()
    const mode = (await response.request().allHeaders())['sec-fetch-mode']
    return { response, mode, text: await shown.evaluate('document.documentElement.textContent') }
  }

  const targets = [['_blank'], ['frame']]

  test.each(targets)('submitted into %s gets 403, and does not count as a request', async target => {
    const { binding, client } = await planted()
    const page = await attack(`${service.url}/http-bind`, binding, client.rid, target)
    const { response, mode, text } = await submit(page, target)
    expect(ran).toEqual([])
    expect(mode).toBe('navigate')
    expect(response.status()).toBe(403)
    expect(text).not.toContain('planted')
    // The rid is still unused, and the stanza still waits.
    expect(await client.request('', { pause: '60' })).not.toContain('terminate')
    expect(await client.request()).toContain('planted')
    client.close()
  })

  test.each(targets)('submitted into %s without Sec-Fetch-Mode runs no script', async target => {
    const { binding, client } = await planted()
    const url = `${service.url.replace('127.0.0.1', untrusted)}/http-bind`
    const page = await attack(url, binding, client.rid, target)
    const { response, mode, text } = await submit(page, target)
    expect(ran).toEqual([])
    expect(mode).toBeUndefined()
    expect(response.status()).toBe(200)
    // A frame shows nothing, a tab the plain text.
    if (target === 'frame') expect(text).not.toContain('planted')
    else expect(text).toContain('planted')
    client.close()
  })
})
