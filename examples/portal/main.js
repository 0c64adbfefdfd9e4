// Runs the portal. It uses the warm-bindings service at CHAT_URL or, with --demo, starts a service and an XMPP server.
import { createServer } from 'node:http'
import { createPortal } from './portal.js'
import { users } from './users.js'

const server = createServer()
server.listen(process.env.PORT ?? 3000, '127.0.0.1', async () => {
  const origin = `http://127.0.0.1:${server.address().port}`
  const isDemo = process.argv.includes('--demo')
  const { CHAT_URL: chat, CHAT_SECRET: secret } = isDemo
    ? await (await import('../demo.js')).startDemo(origin)
    : process.env
  if (!chat || !secret) throw new Error('Set CHAT_URL and CHAT_SECRET, or give --demo.')
  const accounts = Array.from(users, ([name, { password }]) => `${name} with the password ${password}`)
  const hint = isDemo ? `Sign in as ${accounts.join(', or ')}.` : undefined
  server.on('request', createPortal({ chat, secret, users, hint }))
  console.log(`\n  A portal with a chat: ${origin}\n`)
  for (const account of accounts) console.log(`  Sign in as ${account}.`)
  console.log('\n  To sign in a second user, open a private window. Ctrl+C stops it.\n')
})
process.once('SIGINT', () => process.exit())
