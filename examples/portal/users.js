import { jidOf } from './jids.js'

// A real portal has its users in a database, with hashed passwords. It need not know their passwords at the XMPP server:
// a service account or tokens also work (docs/api.md, "Logging in without a password").
const user = (name, title, password) => [
  name,
  { name: title, password, chat: { jid: jidOf(name, 'localhost'), password: 'demo' } },
]

export const users = new Map([user('alice', 'Alice', 'rabbit'), user('bob', 'Bob', 'hammer')])
