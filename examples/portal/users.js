// A real portal has its users in a database, with hashed passwords. It needs no passwords of the XMPP server.
export const users = new Map([
  ['alice', { title: 'Alice', password: 'rabbit' }],
  ['bob', { title: 'Bob', password: 'hammer' }],
])
