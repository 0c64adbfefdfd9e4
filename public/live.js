// Keeps the parts of a page that have the attribute data-live up to date. The server sends the page again (SSE).
;(() => {
  const control = document.getElementById('live-control')
  if (control === null || !('EventSource' in globalThis)) return
  const state = control.appendChild(document.createElement('span'))
  const toggle = control.appendChild(document.createElement('button'))
  toggle.setAttribute('type', 'button')
  toggle.className = 'quiet'
  let source
  let isPaused = false

  const show = (text, next) => {
    state.textContent = text
    toggle.textContent = next
  }

  const close = () => {
    source?.close()
    source = undefined
  }

  // A hidden page costs the service nothing.
  const adjust = () => {
    if (isPaused || document.hidden) close()
    else source ??= open()
    show(isPaused ? 'Paused' : 'Live', isPaused ? 'Go on' : 'Pause')
  }

  const open = () => {
    const opened = new EventSource(location.href)
    opened.addEventListener('message', ({ data }) => {
      const page = new DOMParser().parseFromString(data, 'application/xhtml+xml')
      for (const part of document.querySelectorAll('[data-live]')) {
        const next = page.getElementById(part.id)
        if (next !== null) keepingFocus(() => update(part, next))
      }
    })
    opened.addEventListener('error', () => {
      if (opened.readyState !== EventSource.CLOSED) return
      isPaused = true
      close()
      show('Not live', 'Try again')
    })
    return opened
  }

  toggle.addEventListener('click', () => {
    isPaused = !isPaused
    adjust()
  })
  document.addEventListener('visibilitychange', adjust)
  adjust()

  function keepingFocus(change) {
    const { activeElement } = document
    change()
    if (activeElement !== document.activeElement && activeElement.isConnected)
      activeElement.focus({ preventScroll: true })
  }

  /** Changes only what differs: the focus, selected text, ticked boxes and open details stay. */
  function update(old, next) {
    for (const { name, value } of next.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value)
    for (const { name } of [...old.attributes])
      if (!next.hasAttribute(name) && name !== 'open') old.removeAttribute(name)
    const known = new Map([...old.children].filter(({ id }) => id).map(child => [child.id, child]))
    const wanted = new Set([...next.children].map(({ id }) => id))
    let at = old.firstChild
    const skipRemoved = () => {
      while (at?.id && !wanted.has(at.id)) at = remove(at)
    }
    for (const child of next.childNodes) {
      skipRemoved()
      const same = known.get(child.id) ?? (at !== null && isAlike(at, child) ? at : undefined)
      if (same === undefined) old.insertBefore(document.importNode(child, true), at)
      else {
        if (same === at) at = at.nextSibling
        else old.insertBefore(same, at)
        if (same.nodeType === Node.ELEMENT_NODE) update(same, child)
        else if (same.data !== child.data) same.data = child.data
      }
    }
    while (at !== null) at = remove(at)
  }

  function remove(node) {
    const { nextSibling } = node
    node.remove()
    return nextSibling
  }

  function isAlike(old, next) {
    if (old.nodeType !== next.nodeType) return false
    return old.nodeType !== Node.ELEMENT_NODE || (old.localName === next.localName && !old.id && !next.id)
  }
})()
