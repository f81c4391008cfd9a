/**
 * `next_action.type === "redirect"`: the buyer pays on a page of the gateway's and comes back to our return address.
 */

/**
 * @param {{url: string}} action
 * @returns {Promise<never>} the page is left; nothing comes after it
 */
export function leaveForGateway(action) {
  window.location.assign(action.url);
  return new Promise(() => {});
}
