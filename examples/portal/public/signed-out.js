sessionStorage.clear() // What the chat has kept in this tab is nobody's business from now on.
