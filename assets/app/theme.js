// Light, dark, or as the device says.
import { remember } from "./state.js";

/** @param {string} theme */
export function setTheme(theme) {
  remember("theme", theme);
  document.documentElement.classList.toggle("light", theme === "light");
  document.documentElement.classList.toggle("dark", theme === "dark");
}
