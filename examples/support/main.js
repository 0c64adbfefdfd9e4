// Runs the shop. It uses the warm-bindings service at CHAT_URL or, with --demo, starts a service and an XMPP server.
import { createServer } from 'node:http'
import { createShop } from './shop.js'

/** The XMPP server of the demo has a single domain, also for guests. */
const demo = { agent: 'support@localhost', isGuest: name => /^[0-9a-f]{32}$/.test(name) }

const server = createServer()
server.listen(process.env.PORT ?? 3000, '127.0.0.1', async () => {
  const origin = `http://127.0.0.1:${server.address().port}`
  const isDemo = process.argv.includes('--demo')
  const { CHAT_URL: chat, CHAT_SECRET: secret } = isDemo
    ? await (await import('../demo.js')).startDemo(origin, { PAGE_GUESTS: 'localhost' }, ['support'], demo.isGuest)
    : process.env
  const { SUPPORT_JID: agent = demo.agent, DESK_PASSWORD: password = isDemo ? 'rabbit' : undefined } = process.env
  if (!chat || !secret || !password) throw new Error('Set CHAT_URL, CHAT_SECRET and DESK_PASSWORD, or give --demo.')
  server.on('request', createShop({ chat, secret, agent, password }))
  console.log(`\n  A shop with a support chat: ${origin}`)
  console.log(`  The desk of its agents:     ${origin}/desk (name "agent", password "${password}")\n`)
  console.log('  For a second visitor, open a private window. Ctrl+C stops it.\n')
})
process.once('SIGINT', () => process.exit())
