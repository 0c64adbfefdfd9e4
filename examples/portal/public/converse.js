// The chat of the page with Converse, a complete client.
import './converse/converse.min.js'

const { service } = document.getElementById('chat').dataset
const { connectConverse } = await import(`${service}/assets/warm-bindings-converse.js`)
connectConverse({
  service,
  token: '/chat/token',
  checkEvery: 60, // in seconds: ends the chat if the portal session has expired
  // Only pages of users who are signed in load this file. Otherwise the page would reload without end.
  onStatus: ({ code }) => code === 'signed-out' && location.reload(),
  settings: { assets_path: '/converse/' },
})
