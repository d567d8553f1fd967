(() => {
  const all = (open) => { for (const one of document.querySelectorAll("details")) one.open = open; };
  const target = () => {
    for (let at = document.getElementById(location.hash.slice(1)); at; at = at.parentElement)
      if (at.localName === "details") at.open = true;
  };
  const button = document.getElementById("open-all");
  if (button) {
    button.hidden = false;
    button.onclick = () => {
      const open = button.ariaExpanded !== "true";
      button.ariaExpanded = open;
      all(open);
    };
  }
  addEventListener("hashchange", target);
  addEventListener("beforeprint", () => all(true));
  target();
})();
