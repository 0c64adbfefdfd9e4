// Node.js before version 22 has no WebSocket. The one of the package ws must deliver messages one by one, as browsers do.
import { WebSocket } from 'ws'

globalThis.WebSocket = class extends WebSocket {
  constructor(url, protocols) {
    super(url, protocols, { allowSynchronousEvents: false })
  }
}
