import type { Config } from '../config/config.js'
import { homePath } from '../http/addresses.js'
import { type Answer, contentTypes } from '../http/answer.js'
import type { Representation } from '../http/negotiation.js'
import { attachingPagePolicy } from '../http/page-policy.js'
import { renderPage } from '../http/views.js'
import type { Binding } from './binding.js'

/**
 * The success page for an admin who has sent our form: the values that programs get, and a way to attach with them right
 * there. `host` is the name under which the browser knows this service, from the header `Host`.
 */
export function boundPage(
  binding: Binding,
  config: Pick<Config, 'externalUrl' | 'warmPath' | 'boshPath'>,
  host: string | undefined,
  representation: Exclude<Representation, 'json'>,
): Answer {
  const { jid, sid, rid, wait, hold, requests, expiresIn } = binding
  const home = homePath(config.externalUrl)
  const url = binding.url ?? ownUrl(config, host)
  const body = renderPage('bound', {
    ...{ jid, sid, rid, wait, hold, requests, expiresIn },
    ...{ home, form: home + config.warmPath, url },
  })
  return {
    status: 200,
    headers: {
      'Content-Type': contentTypes[representation],
      'Content-Security-Policy': attachingPagePolicy(url),
    },
    body,
  }
}

/** Our BOSH endpoint for this page: by its path alone where the page itself came from there, whatever a proxy calls us. */
function ownUrl(
  { externalUrl, boshPath }: Pick<Config, 'externalUrl' | 'boshPath'>,
  host: string | undefined,
): string {
  if (externalUrl === undefined) return boshPath
  const { host: externalHost, pathname } = new URL(externalUrl + boshPath)
  return externalHost === host?.toLowerCase() ? pathname : externalUrl + boshPath
}
