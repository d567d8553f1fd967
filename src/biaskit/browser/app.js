(() => {
  const byId = (id) => document.getElementById(id);
  const each = (what, where = document) => where.querySelectorAll(what);

  // A page comes with everything folded as it was sent; a link opens what it leads to.
  const unfold = () => {
    for (let at = byId(location.hash.slice(1)); at; at = at.parentElement)
      if (at.localName === "details") at.open = true;
  };

  // Sliders: a text field says the number, a slider beside it is another way to set it.
  const slide = (field) => {
    const [min, max, step] = field.dataset.slider.split(" ");
    const range = document.createElement("input");
    Object.assign(range, { type: "range", min, max, step });
    range.value = field.value === "" ? min : field.value;
    range.setAttribute("aria-label", `${field.labels[0].textContent}, on a slider`);
    range.oninput = () => {
      field.value = range.value;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    };
    field.addEventListener("input", () => { if (field.value !== "") range.value = field.value; });
    field.after(range);
  };

  // A field that finds the entries of a long list.
  const find = (list) => {
    const label = document.createElement("label");
    const field = document.createElement("input");
    field.type = "search";
    label.textContent = `Find a ${list.dataset.filter} `;
    label.append(field);
    field.oninput = () => {
      const wanted = field.value.toLowerCase();
      for (const one of list.children)
        one.hidden = !one.textContent.toLowerCase().includes(wanted);
    };
    list.before(label);
  };

  const ready = (where) => {
    const button = where.querySelector("#open-all");
    if (button) button.hidden = false;
    for (const one of each("[data-copy]", where)) one.hidden = false;
  };

  document.addEventListener("click", (event) => {
    const one = event.target;
    if (one.id === "open-all") {
      const open = one.ariaExpanded !== "true";
      one.ariaExpanded = open;
      for (const fold of each("#result details")) fold.open = open;
    }
    if (one.dataset && one.dataset.copy)
      navigator.clipboard.writeText(byId(one.dataset.copy).textContent).then(() => {
        one.textContent = "Copied";
        byId("status").textContent = "Copied.";
      });
  });

  // The report follows its controls; what is entered is always in the address.
  const controls = byId("controls");
  if (controls) {
    const status = byId("status");
    let asked = null, waiting = 0;
    // What is wrong with a field stands beside it, while it is being entered, too.
    const mark = (made) => {
      for (const old of each(".error", controls)) old.remove();
      for (const one of each("[aria-invalid]", controls)) one.removeAttribute("aria-invalid");
      for (const one of made.querySelectorAll("#controls [aria-invalid]")) {
        const own = byId(one.id);
        own.setAttribute("aria-invalid", "true");
        own.setAttribute("aria-describedby", one.getAttribute("aria-describedby"));
        const told = made.getElementById(`${one.id}-error`);
        if (told) own.before(document.adoptNode(told));
      }
    };
    const show = async () => {
      const address = `report?${new URLSearchParams(new FormData(controls))}`;
      asked?.abort();
      asked = new AbortController();
      const result = byId("result");
      result.ariaBusy = true;
      try {
        const answer = await fetch(address, { signal: asked.signal });
        const made = new DOMParser().parseFromString(await answer.text(), "text/html");
        const next = made.getElementById("result");
        if (!next || answer.redirected) {  // the rows have to be counted again, or it has changed
          location.assign(address);
          return;
        }
        mark(made);
        const wrong = made.querySelectorAll("#problem li");
        if (wrong.length) {
          status.textContent = [...wrong].map((one) => one.textContent).join(" ");
          status.className = "note";
          result.ariaBusy = false;
          return;
        }
        byId("problem")?.remove();
        const open = new Set([...each("#result details[open]>summary")].map((one) => one.textContent));
        for (const fold of each("details", next))
          if (open.has(fold.firstElementChild.textContent)) fold.open = true;
        result.replaceWith(document.adoptNode(next));
        ready(next);
        document.title = made.title;
        for (const place of ["header nav", "#change .elsewhere", "#verdicts"])
          document.querySelector(place).replaceWith(
            document.adoptNode(made.querySelector(place)));
        history.replaceState(null, "", next.dataset.query);
        status.textContent = `Shown: ${next.querySelector("h1").textContent}`;
        status.className = "quiet";
      } catch (error) {
        if (error.name === "AbortError") return;
        status.textContent = "biaskit does not answer. If it has stopped, start it again.";
        status.className = "note";
        result.ariaBusy = false;
      }
    };
    const soon = (event) => {
      clearTimeout(waiting);
      waiting = setTimeout(show, event.target.dataset.slider || event.target.type === "text" ? 60 : 0);
    };
    controls.addEventListener("input", soon);
    for (const button of each(".apply", controls)) button.hidden = true;
    history.replaceState(null, "", byId("result").dataset.query);
    document.body.classList.add("wide");
    const fold = byId("change");
    if (matchMedia("(min-width:76rem)").matches) fold.open = true;
  }

  // A pass tells how far it is; when it is over, the address that was asked for has an answer.
  const working = byId("working");
  if (working) {
    const events = new EventSource(working.dataset.events);
    const bar = byId("bar"), said = byId("said");
    let last = "";
    events.addEventListener("step", (event) => {
      const { rows, done, doing } = JSON.parse(event.data);
      if (done === null) bar.removeAttribute("value");
      else bar.value = done;
      const now = doing === "waiting" ? "Waiting until another count is over."
        : doing === "compiling" ? "Getting ready: this takes some seconds the first time, and never again."
        : rows ? `${rows.toLocaleString("en")} rows read${done === null ? "" : `, ${Math.round(100 * done)} % of the table`}.`
        : "Opening the table.";
      if (now !== last) said.textContent = last = now;
    });
    events.addEventListener("ended", () => { events.close(); location.reload(); });
    events.onerror = () => { if (events.readyState === EventSource.CLOSED) location.reload(); };
  }

  for (const field of each("[data-slider]")) slide(field);
  for (const list of each("[data-filter]")) find(list);
  ready(document);
  addEventListener("hashchange", unfold);
  addEventListener("beforeprint", () => { for (const fold of each("details")) fold.open = true; });
  unfold();
  // After a form was sent, the focus is on what is wrong, or on the heading of what came of it.
  const problem = byId("problem"), heading = document.querySelector("h1");
  if (problem) problem.focus();
  else if (sessionStorage.getItem("sent")) {
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }
  sessionStorage.removeItem("sent");
  addEventListener("submit", () => sessionStorage.setItem("sent", "1"));
})();
