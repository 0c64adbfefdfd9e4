// The chat of the page with Converse, a complete client.
import './converse/converse.min.js'

const { service } = document.getElementById('chat').dataset
const { connectConverse } = await import(`${service}/assets/warm-bindings-converse.js`)
let wasOnline = false
connectConverse({
  service,
  token: '/chat/token',
  checkEvery: 60, // in seconds: ends the chat if the portal session has expired
  onStatus({ state, code }) {
    wasOnline ||= state === 'online'
    // Without the condition, a page for visitors who are not signed in would reload without end.
    if (code === 'signed-out' && wasOnline) location.reload()
  },
  settings: { assets_path: '/converse/' },
})
