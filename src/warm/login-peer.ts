import type { Step } from '../errors.js'
import type { Foreseen, LoginWishes, Peer } from '../exchange.js'

/** The one who waits for the replies of a handshake in this process. */
export class LoginPeer implements Peer {
  readonly address = ''
  readonly secure = true
  readonly login: LoginWishes
  gone = false
  whenGone: (() => void) | undefined

  constructor(certificate: boolean, foreseen: Foreseen, reached: (step: Step) => void) {
    this.login = { certificate, foreseen, reached }
  }

  leave(): void {
    if (this.gone) return
    this.gone = true
    this.whenGone?.()
  }
}
