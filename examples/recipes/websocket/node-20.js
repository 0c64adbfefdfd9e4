// Node.js before version 22 has no WebSocket. Use the package ws, and have it deliver messages one by one like
// browsers.
import { WebSocket } from 'ws'

globalThis.WebSocket = class extends WebSocket {
  constructor(url, protocols) {
    super(url, protocols, { allowSynchronousEvents: false })
  }
}
