// Starts Swagger UI (static/vendor/swagger-ui) on our own document. A file of its own, because the page runs no inline script.

// Swagger UI fills in whatever has an example. A header's example would be sent as it stands: everybody's idempotency key
// and request id would be the same. So headers are shown without.
const withoutHeaderExamples = (document) => {
  for (const operations of Object.values(document.paths)) {
    for (const { parameters = [] } of Object.values(operations)) {
      for (const parameter of parameters.filter(({ in: place }) => place === "header")) {
        delete parameter.example;
        delete parameter.examples;
      }
    }
  }
  for (const parameter of Object.values(document.components?.parameters ?? {})) {
    if (parameter.in === "header") delete parameter.example;
  }
  return document;
};

// Swagger UI has a dark coat, and leaves it to the page to put it on.
const dark = matchMedia("(prefers-color-scheme: dark)");
const dress = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", dress);
dress();

fetch("/openapi.json")
  .then((answer) => answer.json())
  .then((document) =>
    SwaggerUIBundle({
      spec: withoutHeaderExamples(document),
      dom_id: "#reference",
      deepLinking: true,
      tryItOutEnabled: true,
      displayRequestDuration: true,
      defaultModelsExpandDepth: 0,
      validatorUrl: null, // its default asks another host
    }),
  );
