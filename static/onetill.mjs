/** Named import of the drop-in: `import { Onetill } from "https://pay.shop.example/static/onetill.mjs"`. */
import "./onetill.js";

export const { Onetill } = globalThis;
Onetill.origin ??= new URL(import.meta.url).origin;
export default Onetill;
