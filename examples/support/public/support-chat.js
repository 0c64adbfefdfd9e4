// <support-chat service="https://chat.example.org" agent="support@example.org"></support-chat>
import { Kept, readable, show } from './messages.js'
import { style, template } from './support-chat-parts.js'

class SupportChat extends HTMLElement {
  #kept = new Kept('support-chat')
  /** A promise: messages wait for it. */
  #chat
  #parts

  connectedCallback() {
    const root = this.attachShadow({ mode: 'open' })
    root.adoptedStyleSheets = [style]
    root.append(template.content.cloneNode(true))
    const find = selector => root.querySelector(selector)
    this.#parts = {
      ...{ toggle: find('.toggle'), panel: find('.panel'), start: find('.start'), write: find('.write') },
      ...{ log: find('[role=log]'), status: find('[role=status]'), end: find('.end') },
    }
    const { toggle, panel, start, write, end } = this.#parts
    toggle.addEventListener('click', () => this.#open(panel.hidden))
    find('.close').addEventListener('click', () => this.#open(false))
    end.addEventListener('click', () => this.#end())
    panel.addEventListener('keydown', ({ key }) => key === 'Escape' && this.#open(false))
    start.addEventListener('submit', event => {
      event.preventDefault()
      localStorage.supportName = start.elements.name.value.trim()
      this.#begin()
      write.elements.text.focus()
    })
    write.addEventListener('submit', async event => {
      event.preventDefault()
      const field = write.elements.text
      const text = field.value.trim()
      field.value = ''
      const chat = text && (await this.#chat)
      if (chat) chat.send(this.getAttribute('agent'), text)
      else field.value ||= text
    })
    if (isOver()) this.#kept.forget()
    for (const event of ['storage', 'pageshow'])
      window.addEventListener(event, () => this.#chat && isOver() && this.#leave())
    for (const message of this.#kept.all) this.#show(message)
    // Visitors who have not opened the chat do not connect.
    if (sessionStorage.supportIsOpen) this.#open(true)
    else if (this.#kept.all.length > 0) this.#begin()
  }

  #open(isOpen) {
    const { toggle, panel, start, write } = this.#parts
    panel.hidden = !isOpen
    toggle.setAttribute('aria-expanded', isOpen)
    toggle.textContent = 'Chat with us'
    sessionStorage.supportIsOpen = isOpen ? 'yes' : ''
    if (!isOpen) return toggle.focus()
    if (localStorage.supportName !== undefined) this.#begin()
    const form = start.hidden ? write : start
    form.querySelector('input').focus()
  }

  #begin() {
    const { start, write, log, end } = this.#parts
    start.hidden = true
    write.hidden = log.hidden = end.hidden = false
    sessionStorage.supportChat = localStorage.supportChat ??= Date.now()
    this.#chat ??= this.#connect()
  }

  /** Resolves with undefined if there is no chat. */
  async #connect() {
    const { status } = this.#parts
    const service = this.getAttribute('service')
    status.textContent = 'Connecting…'
    try {
      const [{ connect }] = await Promise.all([
        import(`${service}/assets/warm-bindings.js`),
        globalThis.Strophe ?? loadScript(`${service}/assets/strophe.js`),
      ])
      globalThis.Strophe.setLogLevel(globalThis.Strophe.LogLevel.WARN)
      return await connect({
        Strophe: globalThis.Strophe,
        service,
        guest: true,
        nickname: localStorage.supportName,
        history: 0,
        onMessage: message => message.body !== undefined && this.#take(readable(message)),
        onMessageState: state => this.#show(this.#kept.change(state)),
        onStatus({ state, reason = '' }) {
          status.textContent = state === 'connecting' ? 'Connecting…' : reason
        },
      })
    } catch {
      status.textContent = 'The chat is not available. Please try again later.'
      this.#chat = undefined
      return undefined
    }
  }

  #take(message) {
    const { toggle, panel } = this.#parts
    // Others than the agent may know the guest's address.
    if (!message.own && message.jid !== this.getAttribute('agent')) return
    this.#kept.add(message)
    this.#show(message)
    if (panel.hidden) toggle.textContent = 'Chat with us (new message)'
  }

  #show(message) {
    if (message) show(this.#parts.log, message, message.own ? 'You' : 'Support')
  }

  /** The service forgets the guest: another visitor of this browser sees nothing of the chat. */
  async #end() {
    const chat = this.#chat
    this.#clear()
    delete localStorage.supportName
    delete localStorage.supportChat
    this.#open(false)
    await (await chat)?.signOut().catch(() => {})
  }

  /** The visitor has ended the chat in another tab. */
  async #leave() {
    const chat = this.#chat
    this.#clear()
    ;(await chat)?.close()
  }

  #clear() {
    const { start, write, log, end } = this.#parts
    this.#chat = undefined
    this.#kept.forget()
    log.replaceChildren()
    write.hidden = log.hidden = end.hidden = true
    start.hidden = false
  }
}

/** Whether the chat of this tab was ended in another tab. */
const isOver = () => sessionStorage.supportChat !== localStorage.supportChat

function loadScript(src) {
  const script = Object.assign(document.createElement('script'), { src })
  return new Promise((resolve, reject) => {
    script.addEventListener('load', resolve)
    script.addEventListener('error', reject)
    document.head.append(script)
  })
}

customElements.define('support-chat', SupportChat)
