// Updates the parts of a page with the attribute data-live. Fetches the page again every five seconds.
;(() => {
  const control = document.getElementById('live-control')
  if (control === null) return
  /** In milliseconds. */
  const interval = 5_000
  const longestWait = 20_000
  const longestLimit = 3_600_000

  const state = control.appendChild(document.createElement('span'))
  state.setAttribute('role', 'status')
  const news = control.appendChild(document.createElement('span'))
  const showNews = addButton('Show')
  const toggle = addButton('')
  let timer
  /** Aborts the request for the page. Undefined if none is open. */
  let request
  let isPaused = false
  /** The status, if the service refused the page. */
  let refusal
  /** Start of the outage. Undefined if the service answers. */
  let offlineSince
  let heardAt = Date.now()
  /** Until then, the service answers 429. */
  let limitedUntil = 0
  /** An update of a list, shown when nobody uses its rows. */
  let waiting

  function addButton(text) {
    const button = control.appendChild(document.createElement('button'))
    button.setAttribute('type', 'button')
    button.className = 'quiet'
    button.textContent = text
    return button
  }

  const show = () => {
    const since = `${new Date(offlineSince ?? heardAt).toISOString().slice(11, 19)} UTC`
    const [text, next] = isPaused
      ? ['Paused', 'Resume updates']
      : refusal !== undefined
        ? [`Not live since ${since}: ${refusal === 404 ? 'it is gone' : 'the service refuses this page'}.`, 'Reload']
        : offlineSince === undefined
          ? ['Live', 'Pause']
          : [`Offline since ${since}. Trying again…`, 'Try now']
    // Screen readers announce each change.
    if (state.textContent !== text) state.textContent = text
    toggle.textContent = next
    document.body.toggleAttribute('data-stale', !isPaused && (refusal !== undefined || offlineSince !== undefined))
    const count = waiting === undefined ? 0 : newRows().length
    state.hidden = waiting !== undefined && text === 'Live'
    news.hidden = showNews.hidden = waiting === undefined
    news.textContent = count === 0 ? 'Changed' : `${count} new`
  }

  // A hidden page sends no requests, to save work for the service.
  const adjust = () => {
    if (isPaused || document.hidden) stop()
    else if (refusal === undefined && request === undefined && timer === undefined) fetchIn(0)
    show()
  }

  const fetchIn = pause => {
    timer = setTimeout(fetchAgain, Math.min(Math.max(pause, limitedUntil - Date.now()), longestLimit))
  }

  const stop = () => {
    clearTimeout(timer)
    timer = undefined
    request?.abort()
    request = undefined
  }

  const fetchAgain = async () => {
    stop()
    const own = new AbortController()
    request = own
    timer = setTimeout(() => own.abort(), longestWait)
    const headers = { Accept: 'application/xhtml+xml', 'X-Live': 'on' }
    try {
      const answer = await fetch(location.href, { headers, cache: 'no-store', signal: own.signal })
      const text = await answer.text()
      if (request !== own) return
      // Calls before the end of a limit count as failed logins.
      const seconds = answer.status === 429 ? Number(answer.headers.get('Retry-After')) || 0 : 0
      limitedUntil = Date.now() + 1000 * seconds
      // While the service starts or stops, a proxy may answer. A limit of calls has an end too.
      if (answer.status >= 500 || answer.status === 429) throw new Error(answer.status)
      heardAt = Date.now()
      offlineSince = undefined
      refusal = answer.ok ? undefined : answer.status
      if (answer.ok) renew(new DOMParser().parseFromString(text, 'application/xhtml+xml'))
    } catch {
      if (request !== own) return
      offlineSince ??= Date.now()
    }
    stop()
    if (refusal === undefined) fetchIn(interval)
    show()
  }

  toggle.addEventListener('click', () => {
    if (!isPaused && refusal !== undefined) location.reload()
    else if (!isPaused && offlineSince !== undefined) fetchAgain()
    else {
      isPaused = !isPaused
      adjust()
    }
  })
  showNews.addEventListener('click', () => {
    toggle.focus()
    showWaiting()
  })
  document.addEventListener('visibilitychange', adjust)
  // The focus and the pointer move after the event.
  for (const name of ['focusout', 'change', 'pointerout']) {
    document.addEventListener(name, () => {
      if (waiting !== undefined) setTimeout(() => waiting !== undefined && !isInUse(waiting.list) && showWaiting())
    })
  }
  fetchIn(interval)
  adjust()

  function renew(page) {
    for (const part of document.querySelectorAll('[data-live]')) {
      const next = page.getElementById(part.id)
      if (next === null) continue
      const isWaiting = isInUse(part) && idsOf(part).join() !== idsOf(next).join()
      if (part.dataset.live === 'list') waiting = isWaiting ? { list: part, next } : undefined
      if (isWaiting) updateRows(part, next)
      else keepingFocus(() => update(part, next))
    }
    changed()
  }

  function showWaiting() {
    const { list, next } = waiting
    waiting = undefined
    keepingFocus(() => update(list, next))
    changed()
    show()
  }

  function changed() {
    document.dispatchEvent(new Event('live'))
  }

  /** Rows must not move or leave if the list has the pointer, the focus or a selection. */
  function isInUse(part) {
    if (part.dataset.live !== 'list') return false
    const isPointedAt = matchMedia('(hover: hover)').matches && part.querySelector('tbody:hover') !== null
    return isPointedAt || part.contains(document.activeElement) || part.querySelector(':checked') !== null
  }

  function rowsOf(list) {
    return [...list.querySelectorAll('tbody > tr')]
  }

  function idsOf(list) {
    return rowsOf(list).map(({ id }) => id)
  }

  function newRows() {
    const known = new Set(idsOf(waiting.list))
    return idsOf(waiting.next).filter(id => !known.has(id))
  }

  /** Updates the rows that stay, without moving rows. */
  function updateRows(list, next) {
    const known = new Map(rowsOf(next).map(row => [row.id, row]))
    for (const row of rowsOf(list)) {
      const now = known.get(row.id)
      if (now?.children.length === row.children.length) keepingFocus(() => update(row, now))
    }
  }

  function keepingFocus(change) {
    const { activeElement } = document
    change()
    if (activeElement !== document.activeElement && activeElement.isConnected)
      activeElement.focus({ preventScroll: true })
  }

  /** Changes differences only, so that focus, selected text, ticked boxes and open details stay. */
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
