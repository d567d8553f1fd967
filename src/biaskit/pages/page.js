(() => {
  const all = (open) => document.querySelectorAll("details").forEach((one) => { one.open = open; });
  const target = () => {
    for (let at = document.getElementById(decodeURIComponent(location.hash.slice(1))); at; at = at.parentElement)
      if (at.localName === "details") at.open = true;
  };
  const button = document.getElementById("open-all");
  if (button) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const open = button.getAttribute("aria-expanded") !== "true";
      button.setAttribute("aria-expanded", open);
      all(open);
    });
  }
  addEventListener("hashchange", target);
  addEventListener("beforeprint", () => all(true));
  target();
})();
