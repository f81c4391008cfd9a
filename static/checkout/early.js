/**
 * Keeps what the payment window says, and what the buyer presses, until `point3_widget.js` listens.
 *
 * The server writes that window into the page, so it can be used before the page's modules have loaded. A classic script that
 * stands before the window runs before it can speak; what it keeps is judged by the same rules as what is heard later.
 */
window.early = { types: ["message", "keydown", "click"], events: [], keep: (event) => window.early.events.push(event) };
for (const type of window.early.types) window.addEventListener(type, window.early.keep);
