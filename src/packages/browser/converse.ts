// `import { connectConverse } from '…/assets/warm-bindings-converse.js'`
import type { Status } from './chat-events.js'
import { ConverseChat, type ConverseOptions } from './converse-chat.js'
import { ownName } from './converse-memory.js'
import type { Converse } from './converse-types.js'

export type { Binding } from './binding.js'
export type { Status } from './chat-events.js'
export type { BindingSource, TokenSource } from './source.js'
export type { ConverseOptions }

/** Starts Converse 14, which the page loads, and reconnects it. */
export function connectConverse(options: ConverseOptions): Promise<void> {
  const converse = (globalThis as unknown as { readonly converse: Converse }).converse
  const { settings = {} } = options
  // A fault of the page must not stop Converse.
  const onStatus = (status: Status) => {
    try {
      options.onStatus?.(status)
    } catch (error) {
      reportError(error)
    }
  }
  converse.plugins.add(ownName, {
    initialize() {
      new ConverseChat(this._converse, { ...options, onStatus }).start()
    },
  })
  const listed = (name: string) => (settings[name] as readonly string[] | undefined) ?? []
  return converse.initialize({
    // A store that tabs share would show messages twice, and outlive the visit.
    persistent_store: 'sessionStorage',
    clear_cache_on_logout: true,
    allow_logout: false,
    ...settings,
    authentication: 'prebind',
    keepalive: false,
    discover_connection_methods: false,
    whitelisted_plugins: [...listed('whitelisted_plugins'), ownName],
    // This plugin would fetch `prebind_url`.
    blacklisted_plugins: [...listed('blacklisted_plugins'), 'converse-bosh'],
  })
}
