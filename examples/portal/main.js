// Runs the portal. It uses the warm-bindings service named in the environment or, with --demo, one with an XMPP server inside.
import { WarmBindings } from '../../dist/packages/client/warm-bindings.js'
import { createPortal } from './portal.js'
import { users } from './users.js'

if (process.argv.includes('--demo')) {
  const { startDemo } = await import('../../dist/demo/demo.js')
  const demo = await startDemo({ PORT: '0' }, () => {})
  Object.assign(process.env, { WARM_URL: `${demo.url}/warm`, WARM_USER: 'portal', WARM_PASSWORD: 'demo' })
}
const { PORT = 3000, WARM_URL: url, WARM_USER: user, WARM_PASSWORD: secret, PUBLIC_URL } = process.env
if (!url || !user || !secret) throw new Error('Set WARM_URL, WARM_USER and WARM_PASSWORD, or give --demo.')
const publicUrl = PUBLIC_URL || new URL(url).origin
const portal = createPortal({ service: new WarmBindings({ url, user, secret }), publicUrl, users })
const server = portal.listen(PORT, '127.0.0.1', error => {
  if (error) throw error
  console.log(`\n  A portal with a chat: http://127.0.0.1:${server.address().port}\n`)
  for (const [name, { password }] of users) console.log(`  Sign in as ${name} with the password ${password}.`)
  console.log('\n  For two at a time, take a private window. Ctrl+C stops it.\n')
})
process.once('SIGINT', () => process.exit())
