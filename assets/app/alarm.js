// Sound and browser notifications, both only if wanted; the page's title and icon.
import { heard } from "./live.js";
import { allCounts } from "./incidents.js";
import { changed, remember, remembered, state } from "./state.js";
import { toast } from "./say.js";

/** @type {AudioContext | null} */
let audio = null;

export const soundIs = () => remembered("sound") === "on";

/** @param {boolean} on */
export function setSound(on) {
  remember("sound", on ? "on" : "off");
  if (on) beep("low");
}

/** High is two rising tones, three times; low is one soft tone. @param {"high" | "low"} urgency */
function beep(urgency) {
  try {
    audio ??= new AudioContext();
    audio.resume();
    const tones = urgency === "high" ? [660, 880, 660, 880, 660, 880] : [440];
    const sounding = audio;
    tones.forEach((pitch, at) => {
      const start = sounding.currentTime + at * 0.22;
      const tone = new OscillatorNode(sounding, { frequency: pitch, type: "triangle" });
      const loud = new GainNode(sounding, { gain: 0 });
      loud.gain.setTargetAtTime(urgency === "high" ? 0.4 : 0.15, start, 0.01);
      loud.gain.setTargetAtTime(0, start + 0.15, 0.03);
      tone.connect(loud).connect(sounding.destination);
      tone.start(start);
      tone.stop(start + 0.3);
    });
  } catch {
    // No audio device, or the browser wants a click first: the next click brings it.
  }
}

/** @returns {{on: boolean, why: string}} `why`: what forbids them */
export function notificationsAre() {
  if (!("Notification" in window)) return { on: false, why: "This browser has no notifications for pages." };
  if (!isSecureContext) return { on: false, why: "Notifications need https: this page came over plain http." };
  if (Notification.permission === "denied") return { on: false, why: "Notifications are blocked in this browser's settings for this site." };
  return { on: remembered("notifications") === "on" && Notification.permission === "granted", why: "" };
}

/** @param {boolean} on */
export async function setNotifications(on) {
  if (on && (await Notification.requestPermission()) !== "granted") {
    toast("The browser did not allow notifications.", { wrong: true });
    return;
  }
  remember("notifications", on ? "on" : "off");
  changed();
}

/** @param {any} incident */
function notify(incident) {
  if (!notificationsAre().on || !document.hidden) return;
  const options = {
    body: `${incident.service?.name ?? incident.team.name}, #${incident.id}`,
    // As a push of the same: one of them is enough.
    tag: `/incidents/${incident.id}`,
    data: { url: `/incidents/${incident.id}` },
    requireInteraction: incident.urgency === "high",
  };
  const title = `${incident.urgency === "high" ? "High: " : ""}${incident.title}`;
  navigator.serviceWorker?.getRegistration().then((registration) => {
    if (registration?.active) return registration.showNotification(title, options);
    new Notification(title, options).onclick = () => focus();
  }).catch(() => {});
}

/** Only what is new, or fires again, and waits for an answer. @param {any} event */
function alarms(event) {
  if (event.incident.status !== "triggered" || event.incident.silencedUntil) return false;
  if (event.reason === "unsilenced") return true;
  return event.type === "incident:created" || (event.type === "incident:updated" && event.status === "triggered" && event.reason !== "unacknowledged");
}

/** @type {Record<string, string>} */
const ICONS = {};

const iconLink = () => /** @type {HTMLLinkElement} */ (document.getElementById("icon"));

/** The tab, once the page is drawn: what waits, and what the page calls itself. */
export function markTab() {
  const { unanswered, low } = allCounts();
  const stale = state.live.is === "lost" || state.session !== "in";
  const count = stale && state.session !== "unknown" ? "(?) " : unanswered ? `(${unanswered}${state.live.partial ? "+" : ""}) ` : "";
  const { name, id } = state.route;
  const own = name === "incidents" ? "" : document.querySelector("main h1")?.textContent?.trim() ?? "";
  const of = own && id && /^(services|teams)/.test(name) ? document.querySelector(".nav [aria-current]")?.textContent : "";
  const title = count + [own && name === "incident" && own !== "incidentd" ? `#${id} ${own}` : own, of, "incidentd"].filter((part, at, all) => part && all.indexOf(part) === at).join(" · ");
  if (document.title !== title) document.title = title;
  const icon = iconLink();
  const href = ICONS[stale ? "stale" : unanswered > low ? "firing" : "calm"];
  if (icon.href !== href) icon.href = href;
}

export function start() {
  const icon = iconLink();
  const folder = icon.href.slice(0, icon.href.lastIndexOf("/") + 1);
  for (const name of ["calm", "firing", "stale"]) ICONS[name] = `${folder}${name}.svg`;
  heard((event, live) => {
    if (!live || !alarms(event)) return;
    if (soundIs()) beep(event.incident.urgency);
    notify(event.incident);
  });
}
