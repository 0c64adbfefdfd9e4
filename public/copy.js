// Adds a copy button to each value of the page. Browsers allow the clipboard only over TLS or on this machine.
const told = document.querySelector('.copied')

/** In milliseconds. */
const shownFor = 2000

function addButton(value) {
  const name = value.previousElementSibling.textContent
  const button = document.createElement('button')
  button.type = 'button'
  button.className = 'quiet'
  button.textContent = 'Copy'
  button.setAttribute('aria-label', `Copy ${name}`)
  button.addEventListener('click', async () => {
    const isCopied = await navigator.clipboard.writeText(value.textContent).then(
      () => true,
      () => false,
    )
    button.textContent = isCopied ? 'Copied' : 'Failed'
    told.textContent = isCopied ? `${name} copied` : 'The browser did not allow it. Select the value and copy it.'
    setTimeout(() => {
      button.textContent = 'Copy'
    }, shownFor)
  })
  const place = document.createElement('dd')
  place.className = 'copy'
  place.append(button)
  value.after(place)
}

if (navigator.clipboard !== undefined) for (const value of document.querySelectorAll('.binding dd')) addButton(value)
