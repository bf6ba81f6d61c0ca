// The ranked regimens as a real table: its words come from the server; trying and comparing are told to it.

export default function ({ data, parentElement, setTriggerValue }) {
  const $ = (id) => parentElement.querySelector(`#${id}`);
  const node = (tag, cls, words) => Object.assign(document.createElement(tag), { className: cls, textContent: words ?? "" });
  const cell = (cls, ...children) => { const td = node("td", cls); td.append(...children); return td; };
  const bar = (role, words, share) => { const box = node("span", `bar ${role}`), fill = node("i"); fill.style.width = `${100 * share}%`; box.append(fill); const td = cell("chance", box, node("span", "figure", words)); return td; };

  $("caption").textContent = data.caption;
  $("head").replaceChildren(...data.head.map((words, i) => Object.assign(node("th", i > 2 && i < 6 ? "wide" : i === 6 ? "tick" : "", words), { scope: "col" })));
  $("body").replaceChildren(...data.rows.map((row) => {
    const tr = node("tr", row.is_shown ? "shown" : ""), name = Object.assign(node("button", "try", row.words), { type: "button" });
    name.addEventListener("click", () => setTriggerValue("trial", row.key));
    const tags = row.tags.map((words) => node("span", "tag", words));
    const tick = Object.assign(node("input"), { type: "checkbox", checked: row.is_compared });
    tick.setAttribute("aria-label", `Compare ${row.words}`);
    tick.disabled = !row.is_compared && data.is_full;
    tick.addEventListener("change", () => setTriggerValue("compare", row.key));
    const first = cell("regimen", name, ...tags, node("span", "narrow", row.narrow));
    tr.append(first, bar("in", row.inside, row.share_in), bar("above", row.above, row.share_above), ...row.cells.map((words) => cell("wide number", words)), cell("tick", tick));
    return tr;
  }));
}
