// With express-session, for users whose passwords of the XMPP server the portal knows. Better: express.js.
import { randomUUID } from 'node:crypto'
import { WarmBindings } from 'warm-bindings/client'

const service = new WarmBindings({ url: 'http://127.0.0.1:8080/warm', user: 'portal', secret: 'choose-a-secret' })

app.get('/chat/binding', async ({ session, query }, response) => {
  if (!session.user) return response.sendStatus(401)
  const { jid, password } = session.user // or a credential
  // Better at the sign-in. After session.regenerate(), put the old one into the new session.
  session.chatVisit ??= randomUUID()
  const names = { visit: session.chatVisit, tab: String(query.tab) }
  response.set({ 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' })
  response.json(await service.warm({ jid, password, ...names }))
})
app.use('/chat', (error, _request, response, _next) => {
  console.error(error.message)
  response.sendStatus(503)
})

/** Call it at the sign-out, after the session is destroyed, with its `chatVisit`. */
export const endChats = visit => visit && service.endVisit(visit)
