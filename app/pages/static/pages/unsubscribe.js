// Saves the click when the mail is older than what link scanners open (unsubscribe.py).
document.getElementById("unsubscribe").submit();
