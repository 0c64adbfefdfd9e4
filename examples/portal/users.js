// A portal has its users in a database, with hashed passwords. Their passwords at the XMPP server, which no browser ever sees,
// it need not know at all: a service account or tokens do as well (README, "Logging in without a password").
export const users = new Map([
  ['alice', { name: 'Alice', password: 'rabbit', chat: { jid: 'alice@localhost', password: 'demo' } }],
  ['bob', { name: 'Bob', password: 'hammer', chat: { jid: 'bob@localhost', password: 'demo' } }],
])
