import { expect, test } from '@jest/globals'
import { renderPage } from '../../../src/http/answers/pages.js'
import { isXhtml } from '../../support/xhtml.js'

test('a page stays well-formed, whatever texts it contains, at any depth', () => {
  const odd = `<b>&"'\u0000\u001b\u000c\ufffe\ud800]]>`
  const panes = [{ name: odd, title: odd, initial: odd, jid: odd, otherJid: odd, otherTitle: odd }]
  for (const text of [
    renderPage('demo', { panes, home: odd, form: odd }),
    renderPage('error', {
      ...{ title: odd, home: odd, back: { href: odd, text: odd } },
      ...{ code: odd, detail: odd, advice: odd, requestId: odd },
    }),
  ]) {
    expect(isXhtml(text)).toBe(true)
    expect(text).toContain('&lt;b&gt;&amp;&quot;&#x27;\ufffd]]&gt;')
    expect(text).not.toContain('<b>')
  }
})

test('a page begins with its XML declaration and the common head', () => {
  const text = renderPage('home', { home: '/chat', form: '/chat/warm' })
  expect(text).toMatch(/^<\?xml version="1\.0" encoding="utf-8"\?>\n<!DOCTYPE html PUBLIC /)
  expect(text).toContain('<link rel="icon" type="image/svg+xml" href="/chat/assets/icon.svg" />')
})
