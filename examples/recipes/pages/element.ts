// <chat-box with="bob@example.org"></chat-box>, without a framework. Install strophe.js, and the file that `npm
// pack` makes in a clone of warm-bindings. All boxes of a page share one chat, which begins with the first of them.
import { Strophe } from 'strophe.js'
import { type Chat, connect, type Message, type Status } from 'warm-bindings/browser'

const messages: Message[] = []
const changes = new EventTarget()
let status: Status = { state: 'connecting' }
let shared: Promise<Chat> | undefined

function start(): Promise<Chat> {
  const changed = () => changes.dispatchEvent(new Event('change'))
  shared ??= connect({
    ...{ Strophe, service: 'https://chat.example.org', token: '/chat/token', checkEvery: 60 },
    onStatus: next => {
      status = next
      changed()
    },
    onMessage: message => messages.push(message) && changed(),
  })
  return shared
}

class ChatBox extends HTMLElement {
  connectedCallback(): void {
    const contact = this.getAttribute('with') ?? ''
    this.innerHTML = '<p role="status"></p><ul></ul><form><input aria-label="Message"><button>Send</button></form>'
    const [line, list, form] = ['p', 'ul', 'form'].map(name => this.querySelector(name)!)
    const field = this.querySelector('input')!
    const show = () => {
      line!.textContent = `${status.state} ${status.reason ?? ''}`
      const own = messages.filter(({ from, to }) => [from, to].some(jid => jid.split('/')[0] === contact))
      const texts = own.flatMap(({ body }) => body ?? [])
      list!.replaceChildren(...texts.map(text => Object.assign(document.createElement('li'), { textContent: text })))
    }
    changes.addEventListener('change', show)
    show()
    form!.addEventListener('submit', async event => {
      event.preventDefault()
      const chat = await start()
      chat.send(contact, field.value)
      field.value = ''
    })
    // The status has the reason.
    start().catch(() => undefined)
  }
}

customElements.define('chat-box', ChatBox)
