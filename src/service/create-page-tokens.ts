import type { Logger } from 'pino'
import type { Config } from '../config/config.js'
import { codeOf } from '../lib/log.js'
import { type DocumentParts, documentFetcher } from '../remote/fetched-document.js'
import { RemoteFault } from '../remote/remote-fault.js'
import type { PageTokens } from '../warm/connect/page-tokens.js'

interface PageTokensParts extends Pick<DocumentParts, 'names' | 'clock'> {
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>
}

/** Undefined if no page may log in, or only guests. */
export async function createPageTokens(config: Config, parts: PageTokensParts): Promise<PageTokens | undefined> {
  const { pages, proxies } = config
  const { names, clock, log } = parts
  if (pages.origins.length === 0 || pages.jid === undefined) return undefined
  const { PageTokens } = await import('../warm/connect/page-tokens.js')
  return new PageTokens({
    pages,
    fetchKeys: url => documentFetcher(url, { proxies, names, clock }),
    clock,
    now: Date.now,
    log,
    onFetchFailed(error, setting) {
      const { code, cause } = error instanceof RemoteFault ? error.failure : { code: undefined, cause: error }
      log.warn({ code, cause: codeOf(cause) }, `the keys of ${setting} cannot be fetched`)
    },
  })
}
