// What channels are called, for people's contacts and teams' places alike.

/** @type {Record<string, string>} */
const NAMES = {
  email: "E-mail", slack: "Slack", discord: "Discord", mattermost: "Mattermost", teams: "Microsoft Teams", telegram: "Telegram",
  ntfy: "ntfy", gotify: "Gotify", pushover: "Pushover", twilio: "Twilio", sms: "SMS", webhook: "Webhook",
};
/** @param {string} kind */
export const word = (kind) => NAMES[kind] ?? kind;

/** What an address looks like. @param {any} kind @param {string} who can do what with it */
export const sample = (kind, who) => `${kind.address}${kind.secret ? ` (whoever knows it can write there: ${who})` : ""}`;
