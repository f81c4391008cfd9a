/** What kind of browser this is, as far as a payment goes another way in it. */

const { userAgent } = navigator;

/** Gateways' scripts leave the page on these, to come back to our return address. */
export const isPhone = /Mobi|Android|iPhone|iPad/i.test(userAgent);
