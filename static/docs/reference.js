// Starts Swagger UI (static/vendor/swagger-ui) on our own document. A file of its own, because the page runs no inline script.

SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  validatorUrl: null, // its default asks another host
});
