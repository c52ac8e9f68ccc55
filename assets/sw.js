// Keeps the shell and its files, never data: offline the page opens and says that it is.
// Files stand under one hash of them all, so what is kept never ages; older ones are dropped.
const CACHE = "incidentd";
const HERE = "/assets/@/";

self.addEventListener("install", (event) => {
  event.waitUntil(keepShell().then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(dropOld().then(() => self.clients.claim()));
});

async function keepShell() {
  const cache = await caches.open(CACHE);
  const page = await fetch("/", { cache: "no-cache" });
  const text = await page.clone().text();
  await cache.put("/", page);
  // What the page names; the rest comes when it is asked for.
  const named = [...text.matchAll(/"(\/assets\/[^"]+)"/g)].map((match) => match[1]);
  await cache.addAll([...new Set(named)]);
}

async function dropOld() {
  const cache = await caches.open(CACHE);
  for (const request of await cache.keys()) {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/assets/") && !pathname.startsWith(HERE)) await cache.delete(request);
  }
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (url.pathname.startsWith("/assets/")) event.respondWith(kept(request));
  else if (request.mode === "navigate") event.respondWith(shell(request));
});

async function kept(request) {
  const cache = await caches.open(CACHE);
  const known = await cache.match(request);
  if (known) return known;
  const answer = await fetch(request);
  if (answer.ok) await cache.put(request, answer.clone());
  return answer;
}

async function shell(request) {
  try {
    return await fetch(request);
  } catch (error) {
    const known = await (await caches.open(CACHE)).match("/");
    if (known) return known;
    throw error;
  }
}

// A page that wakes the phone: what it says comes sealed from the server, with a link that answers.
self.addEventListener("push", (event) => event.waitUntil(tell(event.data)));

async function tell(data) {
  let said = {};
  try {
    said = data.json();
  } catch {
    // Browsers end a subscription that shows nothing.
  }
  const { id, title = "incidentd", body = "Something wants your attention.", urgency, kind, url = "/", ackUrl } = said;
  const page = kind === "page" || kind === undefined;
  const path = new URL(url, self.location.origin).pathname;
  await self.registration.showNotification(title, {
    body, icon: `${HERE}icons/app-192.png`, silent: kind === "all_clear",
    // What is over takes the place of what rang; what is only said beside it leaves it standing.
    tag: path !== "/" && (page || kind === "all_clear") ? path : id ?? path, renotify: true,
    requireInteraction: page && urgency === "high",
    actions: ackUrl ? [{ action: "acknowledge", title: "Acknowledge" }] : [],
    data: { title, url, ackUrl },
  });
}

// The push service gave this browser another address: its contact gets it.
self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(renew(event)));

async function renew({ newSubscription, oldSubscription }) {
  const cache = await caches.open("incidentd-push");
  const kept = await (await cache.match("/push"))?.json();
  if (!kept) return;
  try {
    const applicationServerKey = oldSubscription?.options?.applicationServerKey ?? (await (await fetch("/api/v1/channel-kinds")).json()).pushKey;
    const made = newSubscription ?? (await self.registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey }));
    const answer = await fetch(`/api/v1/users/${encodeURIComponent(kept.user)}/contacts/${encodeURIComponent(kept.name)}`, {
      method: "PATCH", headers: { "content-type": "application/json" }, body: JSON.stringify({ address: JSON.stringify(made) }),
    });
    if (!answer.ok) throw new Error(answer.statusText);
    await cache.put("/push", new Response(JSON.stringify({ ...kept, endpoint: made.endpoint })));
  } catch {
    await self.registration.showNotification("This browser rings no more", {
      body: "Open your profile, and press “Ring in this browser”.", icon: `${HERE}icons/app-192.png`, tag: "push", data: { title: "", url: "/profile" },
    });
  }
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const { tag } = event.notification;
  const { title, url = "/", ackUrl } = event.notification.data ?? {};
  event.waitUntil(event.action === "acknowledge" && ackUrl ? acknowledge(tag, title, url, ackUrl) : open(url));
});

/** The answer without opening the page; what came of it is said in the same place. */
async function acknowledge(tag, title, url, ackUrl) {
  const { heading, body, done = false, again = false } = await answered(title, ackUrl);
  await self.registration.showNotification(heading, {
    body, icon: `${HERE}icons/app-192.png`,
    tag, silent: done, requireInteraction: !done, data: { title, url, ackUrl: again ? ackUrl : undefined },
    actions: again ? [{ action: "acknowledge", title: "Try again" }] : [],
  });
}

/** What the server says of it. */
async function answered(title, ackUrl) {
  let answer, said;
  try {
    // Asked where this worker comes from: by whichever name the server calls itself.
    answer = await fetch(new URL(ackUrl, self.location.origin).pathname, { method: "POST", headers: { accept: "application/json" } });
    said = await answer.json();
  } catch {
    if (!answer) return { heading: "Not acknowledged", body: `${title}: could not reach the server. Open incidentd, or try again.`, again: true };
  }
  if (said?.results) {
    // What was done is named; of what was so already, who did it and when.
    const others = said.results.filter((one) => !one.changed).map((one) => one.message);
    return { heading: said.title, body: [title, ...others.slice(0, 3)].join("\n"), done: answer.ok, again: !answer.ok };
  }
  const why = [said?.detail ?? `The server answered ${answer.status}.`, said?.hint].filter(Boolean).join(" ");
  const ended = answer.status === 404;
  return { heading: ended ? "This link has ended" : "Not acknowledged", body: `${title}: ${why}`, again: !ended };
}

async function open(url) {
  const { pathname, search } = new URL(url, self.location.origin);
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const page = pages[0];
  if (!page) return self.clients.openWindow(pathname + search);
  await page.focus();
  return page.navigate(pathname + search).catch(() => self.clients.openWindow(pathname + search));
}
