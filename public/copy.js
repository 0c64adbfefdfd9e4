// Adds a copy button to each value and each listing of the page. Browsers allow the clipboard only over TLS or on this
// machine.
const told = document.querySelector('.copied')

/** In milliseconds. */
const shownFor = 2000

function copyButton(value, name) {
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
  return button
}

function addToValue(value) {
  const place = document.createElement('dd')
  place.className = 'copy'
  place.append(copyButton(value, value.previousElementSibling.textContent))
  value.after(place)
}

function addToListing(listing, index) {
  const place = document.createElement('div')
  place.className = 'listing'
  listing.replaceWith(place)
  place.append(listing, copyButton(listing.firstElementChild, `listing ${index + 1}`))
}

if (navigator.clipboard !== undefined) {
  for (const value of document.querySelectorAll('.binding dd')) addToValue(value)
  for (const [index, listing] of document.querySelectorAll('.docs pre').entries()) addToListing(listing, index)
}
