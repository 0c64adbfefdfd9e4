// Selects all rows of the list of sessions, and counts them. Without this script, rows are selected one by one.
;(() => {
  const actions = document.getElementById('picks')
  if (actions === null) return
  const button = document.createElement('button')
  button.setAttribute('type', 'button')
  button.className = 'quiet'
  actions.prepend(button)
  const status = actions.appendChild(document.createElement('span'))
  status.setAttribute('role', 'status')
  status.className = 'unseen'
  const end = actions.querySelector('input[type="submit"]')
  const boxes = () => [...document.querySelectorAll('.rows input[name="id"]')]
  const label = () => {
    const all = boxes()
    const count = all.filter(({ checked }) => checked).length
    button.textContent =
      count === all.length ? 'Select none' : all.length === 1 ? 'Select it' : `Select these ${all.length}`
    end.disabled = count === 0
    end.value = count === 0 ? 'End selected' : `End ${count} selected`
    const text = `${count} of ${all.length} selected`
    if (status.textContent !== '' || count > 0) if (status.textContent !== text) status.textContent = text
  }
  button.addEventListener('click', () => {
    const isOn = boxes().some(({ checked }) => !checked)
    for (const box of boxes()) box.checked = isOn
    label()
    // After this event, `live.js` shows waiting rows, if the list is not in use.
    button.dispatchEvent(new Event('change', { bubbles: true }))
  })
  for (const name of ['change', 'live']) document.addEventListener(name, label)
  label()
})()
