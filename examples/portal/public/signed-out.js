// The next user of this tab must not see the stored chat.
sessionStorage.clear()
