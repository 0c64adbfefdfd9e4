// The example with a support chat for guests: visitors of a shop and an agent, in Chromium.
import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import type { BrowserContext, Page } from 'playwright-core'
import { sharedChromium } from '../support/chromium.js'
import { patience } from '../support/eventually.js'
import { ask } from '../support/http-answer.js'
import { type RunningCommand, startCommand } from './command.js'
import { brokenRules, excessWidth } from './legibility.js'
import { describeWith } from './needs.js'

const httpCredentials = { username: 'agent', password: 'rabbit' }
const contexts: BrowserContext[] = []

async function visit(url: string, options: object = {}): Promise<Page> {
  const context = await (await sharedChromium()).newContext(options)
  contexts.push(context)
  const tab = await context.newPage()
  tab.setDefaultTimeout(patience)
  await tab.goto(url)
  return tab
}

const reads = (tab: Page, text: string) => tab.getByRole('log').getByText(text, { exact: true }).waitFor()
const open = (tab: Page) => tab.getByRole('button', { name: 'Chat with us' }).click()

async function say(tab: Page, text: string, label = 'Message'): Promise<void> {
  await tab.getByRole('textbox', { name: label }).fill(text)
  await tab.keyboard.press('Enter')
}

async function begin(tab: Page, name: string): Promise<void> {
  await open(tab)
  await tab.getByLabel('Your name').fill(name)
  await tab.keyboard.press('Enter')
  await tab.getByRole('textbox', { name: 'Message' }).waitFor()
}

describeWith(['chromium'], 'The example with a support chat', () => {
  let shop: RunningCommand

  beforeAll(async () => {
    const { scripts } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
    const [, , ...args] = scripts['example:support'].split(' && ')[1].split(' ')
    shop = await startCommand(args)
  })
  afterEach(async () => {
    await Promise.all(contexts.splice(0).map(context => context.close()))
  })
  afterAll(async () => {
    expect(await shop?.stop()).toBe(0)
  })

  const openDesk = async (options: object = {}) => {
    const desk = await visit(`${shop.url}/desk`, { httpCredentials, ...options })
    await desk.getByRole('status').getByText('Online').waitFor()
    return desk
  }

  test('lets several guests write, and an agent answer each', async () => {
    const [ann, ben] = [await visit(shop.url), await visit(shop.url)]
    const desk = await openDesk()
    await begin(ann, 'Ann')
    await say(ann, 'Where is my tea?')
    await begin(ben, '')
    await say(ben, 'Do you sell cups?')

    await desk.getByRole('button', { name: /^Ann \(\w{6}\), new message$/ }).click()
    await reads(desk, 'Where is my tea?')
    await say(desk, 'On its way.', 'Answer')
    await desk.getByRole('button', { name: /^Guest \w{6}, new message$/ }).click()
    await reads(desk, 'Do you sell cups?')
    expect(await desk.getByRole('log').getByText('Where is my tea?').count()).toBe(0)
    await say(desk, 'We do.', 'Answer')
    await reads(ann, 'On its way.')
    await reads(ben, 'We do.')
    expect(await ann.getByRole('log').getByText('We do.').count()).toBe(0)
  })

  test('is the same guest after a reload, and in the next tab of the browser, and another after the end', async () => {
    const desk = await openDesk()
    const ann = await visit(shop.url)
    await begin(ann, 'Cat')
    await say(ann, 'Before the reload')
    await desk.getByRole('button', { name: /^Cat/ }).waitFor()
    await ann.reload()
    await reads(ann, 'Before the reload')
    await say(ann, 'After the reload')
    const tab = await ann.context().newPage()
    await tab.goto(shop.url)
    await open(tab)
    await say(tab, 'From another tab')
    await desk.getByRole('button', { name: /^Cat/ }).click()
    for (const text of ['Before the reload', 'After the reload', 'From another tab']) await reads(desk, text)
    expect(await desk.getByRole('button', { name: /^Cat/ }).count()).toBe(1)
    await tab.close()

    await ann.getByRole('button', { name: 'End the chat' }).click()
    await begin(ann, 'Cat')
    expect(await ann.getByRole('log').getByText('Before the reload').count()).toBe(0)
    await say(ann, 'Somebody else')
    await desk.getByRole('button', { name: /^Cat.*new message$/ }).waitFor()
    expect(await desk.getByRole('button', { name: /^Cat/ }).count()).toBe(2)
  })

  test('ends in all tabs of the browser at once, and stays ended in a tab that was elsewhere', async () => {
    await openDesk()
    const ann = await visit(shop.url)
    await begin(ann, 'Dodo')
    const [other, elsewhere] = [await ann.context().newPage(), await ann.context().newPage()]
    for (const tab of [other, elsewhere]) {
      await tab.goto(shop.url)
      await open(tab)
      await say(tab, 'A secret')
      await reads(tab, 'A secret')
    }
    await elsewhere.goto('about:blank')
    await ann.getByRole('button', { name: 'End the chat' }).click()
    await other.getByText('The chat has ended.').waitFor()
    await begin(ann, 'Somebody else')
    await elsewhere.goto(shop.url)
    await elsewhere.getByRole('textbox', { name: 'Message' }).waitFor()
    for (const tab of [other, elsewhere]) expect(await tab.getByText('A secret').count()).toBe(0)
    expect(await other.getByLabel('Your name').isVisible()).toBe(true)
  })

  test('shows its desk, and gives tokens, to agents only', async () => {
    for (const path of ['/desk', '/desk/token']) {
      const answer = await ask(`${shop.url}${path}`)
      expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, expect.stringContaining('Basic')])
    }
  })

  test.each(['light', 'dark'] as const)('is legible and accessible in %s colours', async colorScheme => {
    const desk = await openDesk({ colorScheme })
    const ann = await visit(shop.url, { colorScheme, viewport: { width: 390, height: 700 } })
    expect(await brokenRules(ann)).toEqual([])
    await begin(ann, 'Ann')
    await say(ann, 'Where is my tea?')
    await desk.getByRole('button', { name: /^Ann.*new message$/ }).click()
    await say(desk, 'On its way.', 'Answer')
    await reads(ann, 'On its way.')
    expect([await brokenRules(ann), await brokenRules(desk)]).toEqual([[], []])
    expect([await excessWidth(ann), await excessWidth(desk)]).toEqual([0, 0])
    await ann.keyboard.press('Escape')
    const toggle = ann.getByRole('button', { name: 'Chat with us' })
    const focused = "document.querySelector('support-chat').shadowRoot.activeElement.className"
    expect(await ann.evaluate<string>(focused)).toContain('toggle')
    expect(await toggle.getAttribute('aria-expanded')).toBe('false')
  })
})
