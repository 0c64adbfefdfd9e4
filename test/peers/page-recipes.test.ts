// The recipes for pages in examples/recipes/pages, bundled, in Chromium before a service.
import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { afterEach, beforeAll, expect, test } from '@jest/globals'
import express, { type Request, type Response } from 'express'
import type { Page } from 'playwright-core'
import { eitherChromium, sharedChromium } from '../support/chromium.js'
import { stoppedAfterAll } from '../support/closers.js'
import { Listener } from '../support/listener.js'
import { pageSecret, pageToken, settingsForPages } from '../support/page-token.js'
import { root } from '../support/repository.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { testFolder } from '../support/test-folder.js'
import { describeWith } from './needs.js'

const recipes = join(root, 'examples/recipes/pages')
const modules = join(root, 'node_modules')
const { folder, file } = testFolder()

/** Programs that use the recipes: a list of messages, a status, and a button that sends a message to oneself. */
const pages: Readonly<Record<string, string>> = {
  'react.ts': `
    import { createElement as h, StrictMode } from 'react'
    import { createRoot } from 'react-dom/client'
    import { useChat } from './react.js'
    const Part = () => {
      const { status, messages, chat } = useChat()
      return h('div', null,
        h('p', { role: 'status' }, status.state),
        h('ul', null, messages.map((message, at) => h('li', { key: at }, message.body))),
        h('button', { onClick: () => chat?.send('alice@localhost', 'Tea?') }, 'Send'))
    }
    createRoot(document.getElementById('chat')).render(h(StrictMode, null, h(Part), h(Part)))`,
  'vue.ts': `
    import { createApp, h } from 'vue'
    import { useChat } from './vue.js'
    const Part = {
      setup() {
        const { status, messages, chat } = useChat()
        return () => h('div', [
          h('p', { role: 'status' }, status.value.state),
          h('ul', messages.value.map(message => h('li', message.body))),
          h('button', { onClick: () => chat.value?.send('alice@localhost', 'Tea?') }, 'Send')])
      },
    }
    createApp({ render: () => [h(Part), h(Part)] }).mount('#chat')`,
  'element.ts': `
    import './element.js'
    document.getElementById('chat').innerHTML =
      '<chat-box with="alice@localhost"></chat-box><chat-box with="alice@localhost"></chat-box>'
    for (const field of document.querySelectorAll('input')) field.value = 'Tea?'`,
}

test('Each recipe has the types of the module and of its framework', () => {
  const names = readdirSync(recipes)
  expect(names.sort()).toEqual(Object.keys(pages).sort())
  const config = {
    compilerOptions: {
      ...{ module: 'esnext', moduleResolution: 'bundler', target: 'es2022', lib: ['es2023', 'dom', 'dom.iterable'] },
      ...{ strict: true, exactOptionalPropertyTypes: true, noEmit: true, types: [] },
      skipLibCheck: true,
      paths: {
        'warm-bindings/browser': [join(root, 'src/packages/browser/connect.ts')],
        vue: [join(modules, '@vue/runtime-dom')],
      },
    },
    files: names.map(name => join(recipes, name)),
  }
  const project = file('tsconfig.json', JSON.stringify(config))
  const tsc = join(modules, 'typescript/bin/tsc')
  expect(spawnSync(process.execPath, [tsc, '-p', project], { encoding: 'utf8' }).stdout).toBe('')
})

describeWith([eitherChromium], 'A page with the recipe', () => {
  const keep = stoppedAfterAll()
  let service: TestService
  let portal: Listener
  let script = ''
  let isSignedIn = true
  let tab: Page | undefined

  beforeAll(async () => {
    const app = express()
    app.get('/', (_request: Request, response: Response) => {
      response.send('<!DOCTYPE html><title>A portal</title><div id="chat"></div><script src="/page.js"></script>')
    })
    app.get('/page.js', (_request: Request, response: Response) => void response.type('js').send(script))
    app.get('/chat/token', (_request: Request, response: Response) => {
      if (isSignedIn) response.json({ token: pageToken({ visit: 'v1' }) })
      else response.sendStatus(401)
    })
    portal = await keep(Listener.start(createServer(app)))
    const environment = settingsForPages(portal.url, file('page-secrets', pageSecret))
    const accounts = { alice: 'wonderland' }
    service = await keep(startTestService({ demo: [accounts, { portal: 'secret-of-portal' }], environment }))
  })

  afterEach(async () => tab?.close())

  /** Bundles the page with the recipe as a portal would, with the address of this service. */
  function bundle(recipe: string): string {
    const text = readFileSync(join(recipes, recipe), 'utf8').replace('https://chat.example.org', service.url)
    file(recipe, text.replace('checkEvery: 60', 'checkEvery: 1'))
    const entry = file('page.js', pages[recipe]!)
    return execFileSync(
      join(modules, 'esbuild/bin/esbuild'),
      [
        ...[entry, '--bundle', '--format=iife', '--define:process.env.NODE_ENV="development"', '--log-level=error'],
        `--alias:warm-bindings/browser=${join(root, 'dist/browser/warm-bindings.js')}`,
        `--alias:vue=${join(modules, '@vue/runtime-dom')}`,
      ],
      { cwd: folder, encoding: 'utf8', env: { ...process.env, NODE_PATH: modules }, maxBuffer: 2 ** 26 },
    )
  }

  test.each(Object.keys(pages))(
    '%s has one chat for two parts, sends and shows a message, and ends with the sign-out',
    async recipe => {
      script = bundle(recipe)
      isSignedIn = true
      tab = await (await sharedChromium(eitherChromium)).newPage()
      const complaints: string[] = []
      tab.on('pageerror', error => complaints.push(error.message))
      await tab.goto(portal.url)
      const statuses = tab.getByRole('status')
      for (const index of [0, 1]) await statuses.nth(index).filter({ hasText: 'online' }).waitFor()
      await tab.getByRole('button').first().click()
      const texts = tab.locator('li', { hasText: /^Tea\?$/ })
      await tab.locator('ul:nth-of-type(1)').nth(1).getByText('Tea?').first().waitFor()
      expect((await texts.count()) % 2).toBe(0)
      const { json } = await callSessions(service.url, 'GET', '/sessions?jid=alice@localhost')
      expect(json.total).toBe(1)
      isSignedIn = false
      for (const index of [0, 1]) await statuses.nth(index).filter({ hasText: 'ended' }).waitFor()
      expect(complaints).toEqual([])
    },
  )
})
