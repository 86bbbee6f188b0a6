// The page of a check by itself: it offers the browser's zone, and a refresh leaves alone what somebody opened or reads.
"use strict";
(() => {
const choice = document.querySelector("select[name=zone]"), here = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (choice) {
  if (here && ![...choice.options].some(one => one.value === here)) choice.add(new Option(`${here} (this browser’s)`, here));
  choice.addEventListener("change", () => choice.form.requestSubmit());
}
document.addEventListener("htmx:oobBeforeSwap", event => {
  const { target, fragment } = event.detail, selection = getSelection();
  if (!selection.isCollapsed && selection.containsNode(target, true)) event.detail.shouldSwap = false;
  target.querySelectorAll("details[id]").forEach(one => { const fresh = fragment.getElementById(one.id); if (fresh) fresh.open = one.open; });
});
})();
