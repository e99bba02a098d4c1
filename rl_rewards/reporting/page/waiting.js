"use strict";
// Waits until the server has another page than this one.
(async function wait() {
  const state = document.getElementById("live");
  let version = null;
  for (;;) {
    try {
      const reply = await fetch("version", { cache: "no-store" });
      const now = await reply.text();
      if (version !== null && now !== version) return location.reload();
      version = now;
      state.textContent = "";
    } catch {
      state.textContent = "The server does not answer.";
    }
    await new Promise((wake) => setTimeout(wake, 1000));
  }
})();
