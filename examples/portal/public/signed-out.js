// The next user of this tab must not see what the chat has stored.
sessionStorage.clear()
localStorage.removeItem('conversejs-session-jid')
