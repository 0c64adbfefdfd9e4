import type { IncomingMessage, ServerResponse } from 'node:http'
import { forwardRequest } from './forward-request.js'
import type { Lost, PeerLink } from './peer-links.js'

/**
 * Forwards a request whose body has been read. Resolves with undefined when the answer has been sent or the client has
 * gone, or with how the request was lost. The caller then answers.
 */
export function forwarded(
  link: PeerLink,
  req: IncomingMessage,
  res: ServerResponse,
  { requestId, body }: { readonly requestId?: string | undefined; readonly body: Buffer },
): Promise<Lost | undefined> {
  return new Promise(resolve => {
    const onClose = () => resolve(undefined)
    res.once('close', onClose)
    forwardRequest(link, req, res, {
      requestId,
      body,
      onLost(how) {
        res.off('close', onClose)
        resolve(how)
      },
    })
  })
}
