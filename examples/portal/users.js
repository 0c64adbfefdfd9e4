// A real portal has its users in a database, with hashed passwords. It need not know their passwords at the XMPP server, which no
// browser ever sees: a service account or tokens do as well (docs/api.md, "Logging in without a password").
export const users = new Map([
  ['alice', { name: 'Alice', password: 'rabbit', chat: { jid: 'alice@localhost', password: 'demo' } }],
  ['bob', { name: 'Bob', password: 'hammer', chat: { jid: 'bob@localhost', password: 'demo' } }],
])
