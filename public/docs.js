// Searches the texts of all documents, which are fetched when the field is first used.
const form = document.querySelector('.search')
const field = form.querySelector('input')
const found = document.querySelector('.found')
const summary = found.querySelector('p')
const list = found.querySelector('ol')

const mostResults = 30
/** Characters of the text around the first word. */
const before = 60
const after = 140

let sections

async function load() {
  sections ??= fetch('search.json').then(response => {
    if (!response.ok) throw new Error(response.status)
    return response.json()
  })
  try {
    return await sections
  } catch (error) {
    sections = undefined
    throw error
  }
}

/** Higher is better. 0 if a word is missing. The past is of less interest. */
function rank({ page, title, heading, text }, words) {
  const [inTitle, inHeading, inText] = [title, heading, text].map(each => each.toLowerCase())
  let sum = 0
  for (const word of words) {
    const points =
      (inHeading === word ? 20 : 0) +
      (inHeading.includes(word) ? 10 : 0) +
      (inTitle.includes(word) ? 3 : 0) +
      (inText.includes(word) ? 1 : 0)
    if (points === 0) return 0
    sum += points
  }
  return page === 'changelog' ? sum / 4 : sum
}

/** Text nodes, with the words in `mark` elements. */
function marked(text, words) {
  const escaped = words.map(word => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return text.split(new RegExp(`(${escaped.join('|')})`, 'i')).map((part, index) => {
    if (index % 2 === 0) return part
    const mark = document.createElement('mark')
    mark.textContent = part
    return mark
  })
}

function excerpt(text, words) {
  const places = words.map(word => text.toLowerCase().indexOf(word)).filter(place => place >= 0)
  const place = places.length === 0 ? 0 : Math.min(...places)
  const start = place <= before ? 0 : text.indexOf(' ', place - before) + 1
  const most = start + before + after
  const end = most >= text.length ? text.length : Math.max(start, text.lastIndexOf(' ', most))
  return `${start > 0 ? '… ' : ''}${text.slice(start, end)}${end < text.length ? ' …' : ''}`
}

function resultOf({ page, title, anchor, heading, text }, words) {
  const link = document.createElement('a')
  link.href = `${page || './'}${anchor && `#${anchor}`}`
  link.append(...marked(heading === title ? title : `${title}: ${heading}`, words))
  const lines = document.createElement('p')
  lines.append(...marked(excerpt(text, words), words))
  const item = document.createElement('li')
  item.append(link, lines)
  return item
}

async function search() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean)
  found.hidden = words.length === 0
  if (found.hidden) return
  const asked = field.value
  try {
    const ranked = (await load())
      .map(section => ({ section, points: rank(section, words) }))
      .filter(({ points }) => points > 0)
      .sort((one, other) => other.points - one.points)
    if (asked !== field.value) return
    const rest = ranked.length > mostResults ? `, of which ${mostResults} are shown` : ''
    summary.textContent = ranked.length === 1 ? '1 section' : `${ranked.length} sections${rest}`
    list.replaceChildren(...ranked.slice(0, mostResults).map(({ section }) => resultOf(section, words)))
  } catch {
    summary.textContent = 'The texts could not be loaded. Try again.'
    list.replaceChildren()
  }
}

field.addEventListener('input', search)
field.addEventListener('keydown', event => {
  if (event.key !== 'Escape') return
  field.value = ''
  search()
})
form.addEventListener('submit', event => {
  event.preventDefault()
  list.querySelector('a')?.focus()
})
// A result may be on this page.
list.addEventListener('click', event => {
  if (event.target.closest('a')) found.hidden = true
})
form.hidden = false
