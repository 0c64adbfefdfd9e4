import type { Element } from '../../src/xmpp/xml/element.js'

/** An element as it would have been read from this text; its namespace is `jabber:client` unless it says so first. */
export function element(text: string): Element {
  const [, name = '', namespace = 'jabber:client'] = /^<([^\s/>]+)(?:[^>]*? xmlns='([^']*)')?/.exec(text) ?? []
  return { name, namespace, text }
}
