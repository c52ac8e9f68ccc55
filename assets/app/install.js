// The service worker beside the page: it keeps the shell, so that the page opens offline and says so.

/** The one script that is not part of the page; the policy lets no other address through. */
export function install() {
  // Browsers have it over https and on localhost only.
  if (!("serviceWorker" in navigator)) return;
  const address = "/sw.js";
  const types = /** @type {any} */ (window).trustedTypes;
  const policy = types?.createPolicy("incidentd", { createScriptURL: (/** @type {string} */ url) => (url === address ? url : "") });
  addEventListener("load", () => {
    navigator.serviceWorker.register(policy ? policy.createScriptURL(address) : address).catch(() => {
      // A private window, or switched off: the page works without.
    });
  });
}
