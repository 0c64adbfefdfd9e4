// Selects all rows of the list of sessions. Without this script, rows are selected one by one.
;(() => {
  const actions = document.getElementById('picks')
  if (actions === null) return
  const button = document.createElement('button')
  button.setAttribute('type', 'button')
  button.className = 'quiet'
  actions.prepend(button)
  const boxes = () => [...document.querySelectorAll('.rows input[name="id"]')]
  const areAllOn = () => boxes().every(({ checked }) => checked)
  const label = () => {
    button.textContent = areAllOn() ? 'Select none' : 'Select all'
  }
  button.addEventListener('click', () => {
    const isOn = !areAllOn()
    for (const box of boxes()) box.checked = isOn
    label()
  })
  document.addEventListener('change', label)
  label()
})()
