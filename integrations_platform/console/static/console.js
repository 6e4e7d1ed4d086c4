// Conveniences only: everything works without this file. j and k walk a list, o opens, / goes to the search,
// digits choose.
"use strict";
(() => {
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];

  function walk(by) {
    const items = all("[data-item]");
    if (!items.length) return;
    const at = items.findIndex((item) => item.classList.contains("at"));
    if (at >= 0) items[at].classList.remove("at");
    const next = items[Math.max(0, Math.min(items.length - 1, at < 0 ? 0 : at + by))];
    next.classList.add("at");
    next.scrollIntoView({ block: "nearest" });
    const first = next.querySelector("a, input, button");
    if (first) first.focus({ preventScroll: true });
  }

  const keys = {
    j: () => walk(1),
    k: () => walk(-1),
    o: () => document.querySelector("[data-item].at a")?.click(),
    "/": () => document.querySelector("input[type=search]")?.focus(),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input:not([type=checkbox], [type=radio]), textarea, select")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const choice = /^[1-9]$/.test(event.key) && all("input[type=radio]")[event.key - 1];
    if (choice) {
      choice.focus();
      choice.click();
    }
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  // A form that does something is sent once, however often it is clicked; going back lets it be sent again.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
  window.addEventListener("pageshow", () => all("form[data-sent]").forEach((form) => delete form.dataset.sent));

  // What is typed into a choice's own box chooses it.
  document.addEventListener("input", (event) => {
    const choice = event.target.dataset.choice;
    const radio = choice && event.target.form.querySelector(`input[type=radio][value="${choice}"]`);
    if (radio) radio.checked = true;
  });

  // Filters and pages replace their list in place.
  async function show(address, part) {
    const answer = await fetch(address, { headers: { accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById(part);
    if (!answer.ok || !fresh) return location.assign(address);
    document.getElementById(part).replaceWith(document.adoptNode(fresh));
    history.replaceState(null, "", answer.url);
    watch();
  }

  // What goes on is looked at again until it has ended.
  function watch() {
    const going = document.querySelector("[data-poll]");
    if (going) setTimeout(() => show(location.href, going.id), Number(going.dataset.poll));
  }
  watch();

  document.addEventListener("change", (event) => {
    const form = event.target.form;
    if (!form?.dataset.live) return;
    const asked = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    show(`${form.action}?${asked}`, form.dataset.live);
  });

  // One box that ticks all of a list.
  document.addEventListener("change", (event) => {
    const boxes = event.target.dataset.all;
    if (boxes) all(`input[name="${boxes}"]`).forEach((box) => (box.checked = event.target.checked));
  });
})();
