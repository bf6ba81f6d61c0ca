// Charts are drawn on the server in the colours of the reader's theme: when the reader changes it, ask for new ones.
export default function ({ setTriggerValue }) {
  const app = document.querySelector(".stApp");
  const scheme = () => getComputedStyle(app).colorScheme;
  let seen = scheme();
  const watch = new MutationObserver(() => {
    if (scheme() === seen) return;
    seen = scheme();
    setTimeout(() => setTriggerValue("theme", seen), 100); // once Streamlit itself knows of the change
  });
  watch.observe(app, { attributes: true, attributeFilter: ["class"] });
  return () => watch.disconnect();
}
