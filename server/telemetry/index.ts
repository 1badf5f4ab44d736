export { type AuditFields, type AuditItem, type AuditLog, auditLog, noAuditLog } from "./audit-log.ts";
export { calmAuditLog } from "./calm-audit-log.ts";
export { ServerMetrics } from "./server-metrics.ts";
