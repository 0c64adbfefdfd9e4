// The next user of this tab must not see what the chat has kept.
sessionStorage.clear()
