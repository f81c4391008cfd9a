/**
 * Says how far the page's modules are, in `data-script` on the document: "loading", "missing" once it is known that they do not
 * come; they themselves make it "on". On a slow line they take long, and the fallback (`fallback.css`) must not be in the way.
 *
 * A classic script before the first paint, in words that every engine reads: it is for those in which the modules do not run.
 */
(function () {
  var LONGEST_MS = 30000; // what is not here by then does not come
  var root = document.documentElement;

  function isOver() {
    if (root.getAttribute("data-script") === "loading") root.setAttribute("data-script", "missing");
  }

  root.setAttribute("data-script", "loading");
  window.addEventListener("load", isOver); // modules run before it, or never
  setTimeout(isOver, LONGEST_MS);
})();
