import type { StropheConnection } from './strophe.js'

export const bodyNamespace = 'http://jabber.org/protocol/httpbind'

/**
 * Calls `lost` for a reply that is no `<body/>`, such as a page of a proxy or a captive portal with the status 200. Strophe
 * would take it for the reply, and never send the stanzas of its request again.
 */
export function refusePages({ _proto }: Pick<StropheConnection, '_proto'>, lost: () => void): void {
  /** Strophe ignores a request without data. */
  const _reqToData = (request: { getResponse(): Element | null }): Element | null => {
    let body: Element | null = null
    try {
      body = request.getResponse()
    } catch {
      // It is no XML.
    }
    if (body?.namespaceURI === bodyNamespace) return body
    lost()
    return null
  }
  Object.assign(_proto, { _reqToData })
}
