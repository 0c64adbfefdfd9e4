import { header } from '../test/support/raw-client.js'
import { domain } from './work.js'

const ownHeader = header(domain).replace(' to=', " id='1' from=")
const features = (content: string) => `${ownHeader}<stream:features>${content}</stream:features>`
const mechanisms = features(
  "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>",
)
const bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'"
let serial = 0

/** A minimal XMPP server with PLAIN and bind, which returns each stanza. */
export class StubStream {
  #user = ''
  isBound = false

  constructor(readonly say: (text: string) => void) {}

  read(text: string): void {
    if (this.isBound) this.say(text)
    else if (text.includes('<stream:stream')) this.say(this.#user === '' ? mechanisms : features(`${bind}/>`))
    const auth = /<auth [^>]*>([^<]+)</.exec(text)?.[1]
    if (auth !== undefined) {
      this.#user = Buffer.from(auth, 'base64').toString().split('\0')[1]!
      this.say("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
    }
    const id = /<iq [^>]*id=["']([^"']+)["'][^>]*><bind/.exec(text)?.[1]
    if (this.isBound || id === undefined) return
    this.isBound = true
    const jid = `${this.#user}@${domain}/${process.pid}-${++serial}`
    this.say(`<iq type='result' id='${id}'>${bind}><jid>${jid}</jid></bind></iq>`)
  }
}
