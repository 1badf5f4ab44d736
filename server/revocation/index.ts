export { checkRevocation, type RevocationSafetyDeps } from "./safety.ts";
