// The demo: its page in Chromium, and the commands that it prints.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { Locator, Page } from 'playwright-core'
import { eitherChromium, sharedChromium } from '../support/chromium.js'
import { eventually, patience as timeout } from '../support/eventually.js'
import { testRest } from '../support/matrix.js'
import { type RunningCommand, startCommand } from './command.js'
import { describeWith } from './needs.js'
import { complaintsOf } from './noted-page.js'

const run = promisify(execFile)

describe('The demo', () => {
  let demo: RunningCommand

  beforeAll(async () => {
    demo = await startCommand(['dist/main.js', '--demo'])
  })

  afterAll(() => demo?.stop())

  describeWith([eitherChromium], 'on its page', () => {
    let tab: Page
    let complaints: readonly string[]

    const pane = (name: string) => tab.getByRole('region', { name, exact: true })

    beforeEach(async () => {
      tab = await (await sharedChromium(eitherChromium)).newPage()
      tab.setDefaultTimeout(timeout)
      complaints = complaintsOf(tab)
      await tab.goto(`${demo.url}/demo`)
    })

    // Closing the page is not enough: its last request may not arrive.
    afterEach(async () => {
      for (const name of ['Alice', 'Bob']) await disconnect(pane(name))
      await tab.close()
    })

    test('warms two users, who see each other online and chat', async () => {
      const [alice, bob] = [pane('Alice'), pane('Bob')]
      await connect(alice)
      await says(alice, 'Bob is offline')
      await connect(bob)
      await says(alice, 'Bob is online')
      await says(bob, 'Alice is online')

      await say(alice, 'Bob', 'Noch Tee? <b>&amp; "Kekse" ☕')
      await hears(bob, 'Noch Tee? <b>&amp; "Kekse" ☕')
      await say(bob, 'Alice', 'Danke,\u000b ja.')
      await hears(alice, 'Danke, ja.')

      await disconnect(bob)
      await says(alice, 'Bob is offline')
      expect(complaints).toEqual([])
    })

    for (const transport of ['bosh', 'websocket'] as const)
      (transport === 'bosh' ? test : testRest)(
        `keeps both sessions and all messages over a reload, over ${transport}`,
        async () => {
          await tab.goto(`${demo.url}/demo?transport=${transport}`)
          const [alice, bob] = [pane('Alice'), pane('Bob')]
          await connect(alice)
          await connect(bob)
          await says(alice, 'Bob is online')
          await say(alice, 'Bob', 'Noch Tee?')
          await hears(bob, 'Noch Tee?')
          const jids = await jidsOf([alice, bob])
          for (let reload = 1; reload <= 2; reload++) {
            await tab.reload()
            for (const each of [alice, bob]) await says(each, 'Connected')
            await says(alice, 'Bob is online')
            await says(bob, 'Alice is online')
            expect(await jidsOf([alice, bob])).toEqual(jids)
            await say(bob, 'Alice', `Danke, ${reload}.`)
            await hears(alice, `Danke, ${reload}.`)
          }
          for (const each of [alice, bob])
            for (const text of ['Noch Tee?', 'Danke, 1.', 'Danke, 2.'])
              expect(await each.getByRole('log').locator('p', { hasText: text }).count()).toBe(1)

          expect(complaints).toEqual([])
        },
      )

    test('says that the module for pages cannot be loaded', async () => {
      await tab.route('**/assets/warm-bindings.js', route => route.abort())
      const alice = pane('Alice')
      await alice.getByRole('button', { name: 'Connect Alice' }).click()
      await says(alice, 'Ended')
      await alice.getByText('The module for pages cannot be loaded.').waitFor({ timeout })
    })

    test('gives up at a click what was never connected', async () => {
      const alice = pane('Alice')
      await tab.route('**/demo/warm', route => route.abort())
      await alice.getByRole('button', { name: 'Connect Alice' }).click()
      await says(alice, 'Lost')
      // In one turn of the page, which tries again each second: meanwhile, a click has no effect.
      const clicked = `(() => {
        const toggle = document.querySelector('.pane .toggle')
        return toggle.textContent.startsWith('Disconnect') && (toggle.click(), true)
      })()`
      await eventually('a click', () => tab.evaluate<boolean>(clicked))
      await says(alice, 'Disconnected')
      await tab.unroute('**/demo/warm')
      const calls: string[] = []
      tab.on('request', request => request.url().endsWith('/demo/warm') && calls.push(request.method()))
      await connect(alice)
      // The first try would call again after this time.
      await tab.waitForTimeout(2_500)
      expect(calls).toEqual(['POST'])
    })
  })

  describeWith(['curl'], 'with the curl commands that it prints', () => {
    test('returns JSON and XHTML', async () => {
      const lines = demo.introduction.split('\n').map(line => line.trim())
      const commands = lines.filter(line => line.startsWith('curl '))
      const answers = await Promise.all(
        commands.map(async command => (await run('bash', ['-c', `${command} --silent`])).stdout),
      )
      expect(answers).toHaveLength(2)
      expect(JSON.parse(answers[0]!)).toMatchObject({
        jid: expect.stringMatching(/^alice@localhost\/.+/),
        sid: expect.any(String),
        rid: expect.any(Number),
        url: `${demo.url}/http-bind`,
      })
      expect(answers[1]).toMatch(
        /<dl class="binding">.*<dd class="jid">alice@localhost\/[^<]+<.*<dd class="rid">\d+<\/dd><\/dl>/,
      )
    })
  })

  test('exits with 0 at Ctrl+C, even with clients connected', async () => {
    expect(await demo.stop()).toBe(0)
  })
})

async function connect(pane: Locator): Promise<void> {
  await pane.getByRole('button', { name: /^Connect (Alice|Bob)$/ }).click()
  await says(pane, 'Connected')
}

async function disconnect(pane: Locator): Promise<void> {
  const button = pane.getByRole('button', { name: 'Disconnect' })
  if ((await button.count()) === 0) return
  await button.click()
  await says(pane, 'Disconnected')
}

const jidsOf = (panes: readonly Locator[]) => Promise.all(panes.map(pane => pane.locator('dd.jid').textContent()))

async function say(pane: Locator, to: string, text: string): Promise<void> {
  await pane.getByRole('textbox', { name: `Message to ${to}` }).fill(text)
  await pane.getByRole('button', { name: 'Send' }).click()
}

/** Resolves once one of the pane's two status lines is exactly this. */
async function says(pane: Locator, text: string): Promise<void> {
  const exactly = new RegExp(`^${text}$`)
  await pane.getByRole('status').filter({ hasText: exactly }).waitFor({ timeout })
}

/** Resolves once the pane's conversation has this text in it. */
async function hears(pane: Locator, text: string): Promise<void> {
  await pane.getByRole('log').filter({ hasText: text }).waitFor({ timeout })
}
