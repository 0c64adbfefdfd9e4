// What a login uses of xmpp.js is in login.test.ts and sasl2.test.ts, which a new version must pass.
import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'

test('the versions of the @xmpp packages are pinned, and installed', () => {
  const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as { dependencies: Record<string, string> }
  const parts = Object.entries(dependencies).filter(([name]) => name.startsWith('@xmpp/') || name === 'saslmechanisms')
  expect(parts.length).toBeGreaterThan(4)
  for (const [name, version] of parts) {
    const installed = JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8')) as { version: string }
    expect([name, version]).toEqual([name, installed.version])
  }
})
