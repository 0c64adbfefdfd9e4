export const template = document.createElement('template')
template.innerHTML = `
<section class="panel" id="panel" aria-labelledby="title" hidden>
  <header>
    <h2 id="title">Support</h2>
    <button type="button" class="end" hidden>End the chat</button>
    <button type="button" class="close" aria-label="Close">✕</button>
  </header>
  <form class="start">
    <label for="name">Your name (optional)</label>
    <input id="name" name="name" maxlength="40" autocomplete="given-name">
    <button class="main">Start the chat</button>
  </form>
  <div role="log" aria-label="Messages" tabindex="0" hidden></div>
  <p role="status"></p>
  <form class="write" hidden>
    <label for="text">Message</label>
    <input id="text" name="text" maxlength="5000" autocomplete="off">
    <button class="main">Send</button>
  </form>
</section>
<button type="button" class="toggle main" aria-expanded="false" aria-controls="panel">Chat with us</button>`

/** A sheet of its own needs no `unsafe-inline` in the Content-Security-Policy. */
export const style = new CSSStyleSheet()
style.replaceSync(`
:host {
  --ink: light-dark(#20303a, #e6ecef);
  --quiet: light-dark(#51606b, #a7b4bd);
  --card: light-dark(#ffffff, #1b252c);
  --line: light-dark(#c9d2d8, #3c4a54);
  --accent: light-dark(#0a5c66, #7fd6e0);
  --on-accent: light-dark(#ffffff, #06282d);
  --own: light-dark(#d9eff1, #17424a);
  --other: light-dark(#eef1f3, #29363f);
  color-scheme: light dark;
  position: fixed;
  right: 1rem;
  bottom: 1rem;
  z-index: 1000;
  display: flex;
  flex-direction: column;
  align-items: end;
  gap: 0.75rem;
  color: var(--ink);
  font: 100%/1.45 system-ui, sans-serif;
}
*, *::before { box-sizing: border-box; }
[hidden] { display: none !important; }
h2, p { margin: 0; }
h2 { flex: 1; font-size: 1.0625rem; }
button, input { min-height: 2.75rem; border-radius: 0.5rem; font: inherit; }
button { padding: 0 0.875rem; border: 1px solid var(--accent); background: none; color: var(--accent); cursor: pointer; }
.main { background: var(--accent); color: var(--on-accent); font-weight: 600; }
.toggle { border-radius: 2rem; padding: 0 1.25rem; }
input { width: 100%; padding: 0 0.75rem; border: 1px solid var(--quiet); background: var(--card); color: var(--ink); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.panel {
  display: flex;
  flex-direction: column;
  width: min(22rem, calc(100vw - 2rem));
  height: min(30rem, calc(100dvh - 6rem));
  border: 1px solid var(--line);
  border-radius: 0.75rem;
  background: var(--card);
  box-shadow: 0 0.5rem 2rem rgb(0 0 0 / 25%);
  overflow: hidden;
}
header, form { display: flex; align-items: center; gap: 0.5rem; padding: 0.75rem 1rem; }
header { border-bottom: 1px solid var(--line); }
.start { flex-direction: column; align-items: stretch; }
.write { flex-wrap: wrap; border-top: 1px solid var(--line); }
.write label { width: 100%; }
.write input { flex: 1; min-width: 0; }
[role=log] { flex: 1; padding: 0.75rem 1rem; overflow-y: auto; }
[role=log] > div { width: fit-content; max-width: 85%; margin-bottom: 0.5rem; padding: 0.5rem 0.75rem; border-radius: 0.75rem; background: var(--other); overflow-wrap: anywhere; }
[role=log] .own { margin-left: auto; background: var(--own); }
[role=log] .why { font-weight: 600; }
time, [role=status] { color: var(--quiet); font-size: 0.875rem; }
[role=status]:not(:empty) { padding: 0.5rem 1rem; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
`)
