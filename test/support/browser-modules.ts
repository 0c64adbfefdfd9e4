import { jest } from '@jest/globals'

interface BrowserModules {
  readonly archive: typeof import('../../dist/types/browser/archive.js')
  readonly arrivals: typeof import('../../dist/types/browser/arrivals.js')
  readonly chat: typeof import('../../dist/types/browser/chat.js')
  readonly 'chat-departures': typeof import('../../dist/types/browser/chat-departures.js')
  readonly connect: typeof import('../../dist/types/browser/connect.js')
  readonly converse: typeof import('../../dist/types/browser/converse.js')
  readonly 'converse-arrivals': typeof import('../../dist/types/browser/converse-arrivals.js')
  readonly 'converse-memory': typeof import('../../dist/types/browser/converse-memory.js')
  readonly message: typeof import('../../dist/types/browser/message.js')
  readonly more: typeof import('../../dist/types/browser/more.js')
  readonly socket: typeof import('../../dist/types/browser/socket.js')
  readonly source: typeof import('../../dist/types/browser/source.js')
}

/** Part of the modules for pages. This project has no types of browsers: in the declarations, they count as `any`. */
export function browserModule<Name extends keyof BrowserModules>(name: Name): BrowserModules[Name] {
  return jest.requireActual(`../../src/packages/browser/${name}.js`)
}
