import { loadConfig } from '../../../src/config/load.js'
import { listen } from '../../../src/http/listening/listening.js'
import { Descriptors } from '../../../src/lib/limits/descriptors.js'
import { createLog } from '../../../src/lib/log.js'
import { calledAfterEach } from '../../support/closers.js'
import { FakeClock } from '../../support/fake-clock.js'
import { required } from '../../support/settings.js'
import { unnoted } from '../../support/unlimited.js'

type Parts = Parameters<typeof listen>[1]

const closers = calledAfterEach()
const usual = { ...required, HOST: '127.0.0.1', PORT: '0' }

/** Listens at a free port. `answer` takes all requests, and no upgrade. */
export function listenWith(
  answer: (req: never, res: never) => void,
  about: Partial<Pick<Parts, 'clock' | 'note' | 'refused'>> & {
    readonly holds?: boolean
    /** A PEM file with a key and its certificate: listens for TLS too. */
    readonly certificate?: string
  } = {},
) {
  const { clock = new FakeClock(), note = unnoted, refused = unnoted, holds = false, certificate } = about
  const tls = certificate === undefined ? {} : { HTTPS_PORT: '0', TLS_CERT: certificate }
  const { config } = loadConfig({ ...usual, ...tls })
  const dispatcher = Object.assign(answer, { upgradeFor: () => undefined, holds: () => holds })
  return listen(dispatcher as unknown as Parameters<typeof listen>[0], {
    ...{ config, clock, refused, note },
    log: createLog('info', { write() {} }),
    descriptors: new Descriptors(),
  })
}

/** As `listenWith`, until the end of the test. */
export async function listenInTest(...about: Parameters<typeof listenWith>) {
  const listening = await listenWith(...about)
  closers.push(async () => {
    listening.closeAllConnections()
    await listening.close()
  })
  return { listening, port: Number(new URL(listening.urls[0]!).port) }
}
