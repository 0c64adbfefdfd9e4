// For Express 5 and express-session, if the portal knows the users' passwords of the XMPP server. If not, use
// express.js, which is better. In Express 4, catch the errors of `warm`: otherwise they end the process.
import { randomUUID } from 'node:crypto'
import { WarmBindings } from 'warm-bindings/client'

const service = new WarmBindings({ url: 'http://127.0.0.1:8080/warm', user: 'portal', secret: 'choose-a-secret' })

app.get('/chat/binding', async ({ session, query }, response) => {
  if (!session.user) return response.sendStatus(401)
  if (query.tab === '') return response.sendStatus(204) // the page only checks the session: see express.js
  const { jid, password } = session.user // or a credential
  // Better make `chatVisit` at the sign-in. After session.regenerate(), put the old `chatVisit` into the new session.
  session.chatVisit ??= randomUUID()
  const names = { visit: session.chatVisit, tab: String(query.tab) }
  response.set({ 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' })
  response.json(await service.warm({ jid, password, ...names }))
})
app.use('/chat', (error, _request, response, _next) => {
  console.error(error.message)
  response.sendStatus(503)
})

/** Call this at the sign-out, after the session is destroyed, with the `chatVisit` of the session. */
export const endChats = visit => visit && service.endVisit(visit)
