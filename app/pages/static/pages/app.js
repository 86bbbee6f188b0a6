// What pages do by themselves. All of it is a comfort: they work without.
"use strict";
(() => {
const page = document, every = (it, what) => it.querySelectorAll(what);
const on = (name, act) => page.addEventListener(name, act);

// What is said to those who cannot see it happen.
const said = page.createElement("div");
said.className = "hidden";
said.setAttribute("role", "status");
page.body.append(said);

// Copying: an element with data-copy is a button without purpose until now.
const reveal = it => every(it, "[data-copy][hidden]").forEach(button => { button.hidden = false; });
reveal(page);

const copy = async text => {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = page.createElement("textarea"); // plain http has no clipboard
  field.value = text;
  page.body.append(field);
  field.select();
  page.execCommand("copy");
  field.remove();
};
on("click", async event => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const label = [...button.childNodes];
  await copy(button.dataset.copy);
  button.focus();
  button.textContent = said.textContent = "Copied";
  setTimeout(() => { button.replaceChildren(...label); said.textContent = ""; }, 1500);
});

// "/" goes to the filter, unless one is typing.
on("keydown", event => {
  const field = page.querySelector("[aria-keyshortcuts='/']");
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || !field) return;
  if (event.target.closest("input, textarea, select")) return;
  event.preventDefault();
  field.focus();
});

// Live parts, [data-live=zone]: they poll by htmx, once a minute while nobody looks.
const isLive = event => event.target.matches("[data-live]");
let asked = Date.now(), heard = asked, lost = null;
on("htmx:beforeRequest", event => {
  if (!isLive(event)) return;
  if (page.hidden && Date.now() - asked < 60000) event.preventDefault();
  else asked = Date.now();
});
on("htmx:afterOnLoad", event => {
  if (event.detail.xhr.status >= 300) return;
  heard = Date.now();
  lost?.remove();
  lost = null;
});
const loses = event => {
  const { xhr, boosted } = event.detail, live = page.querySelector("[data-live]");
  // A link or a form that was refused, a page that is gone: what is there now says why.
  if (xhr.status && (boosted || isLive(event) && xhr.status === 404)) location.reload();
  if (lost || !live || xhr.status && !isLive(event)) return;
  const clock = { hour: "2-digit", minute: "2-digit", timeZone: live.dataset.live, timeZoneName: "short" };
  lost = page.createElement("p");
  lost.className = "note late lost";
  lost.textContent = `Not live since ${new Date(heard).toLocaleTimeString("en-GB", clock)}: the server does not answer. Still trying.`;
  page.querySelector("main").append(lost);
  said.textContent = lost.textContent;
};
["htmx:sendError", "htmx:timeout", "htmx:responseError"].forEach(name => on(name, loses));

// A swap leaves alone what somebody reads or has opened; htmx keeps the focus, by id.
let open = [], top = 0;
on("htmx:beforeSwap", event => {
  const it = event.detail.target, selection = getSelection();
  if (isLive(event) && !selection.isCollapsed && selection.containsNode(it, true)) event.detail.shouldSwap = false;
  open = [...every(it, "details[id]")].map(one => [one.id, one.open]);
  top = scrollY;
});
on("htmx:afterSwap", () => {
  open.forEach(([id, state]) => { const one = page.getElementById(id); if (one) one.open = state; });
  scrollTo(0, top);
  reveal(page);
});
})();
